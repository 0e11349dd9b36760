/// The clusters that a daemon knows, and which of them is the home of an id.
package struct ClusterDirectory: Equatable, Sendable {
    /// What is known of a cluster before it is asked.
    package struct Cluster: Equatable, Sendable {
        /// What receipts and logs call it.
        package var name: String
        /// 0 ... 4095; the ids of its tasks carry it.
        package var number: UInt16
        /// The most copies that it can keep.
        package var dataNodes: Int

        package init(name: String, number: UInt16, dataNodes: Int = 1) {
            self.name = name
            self.number = number
            self.dataNodes = dataNodes
        }
    }

    /// Not empty; their numbers differ.
    package let clusters: [Cluster]

    package init(_ clusters: [Cluster]) {
        precondition(!clusters.isEmpty && Set(clusters.map(\.number)).count == clusters.count)
        self.clusters = clusters
    }

    /// Whether a cluster has as many nodes as copies are wanted.
    package func canMeet(_ copies: CopiesDemand, in place: Int) -> Bool {
        switch copies {
        case .configured: true
        case .atLeast(let count): count <= self.clusters[place].dataNodes
        }
    }

    /// The place in the list of the cluster where a task with this id stands, or would be stored.
    ///
    /// An id that carries the number of one of the clusters was made for it. Any other id was chosen by a client and
    /// goes to the cluster that scores highest for it (rendezvous hashing): all daemons agree, in whatever order they
    /// name the clusters, and a cluster that is added becomes the home of its share of the ids and changes no other.
    package func home(of id: TaskID) -> Int {
        if self.clusters.count == 1 { return 0 }
        if let number = id.clusterNumber, let place = self.clusters.firstIndex(where: { $0.number == number }) {
            return place
        }
        return self.clusters.indices.max { self.score(id, $0) < self.score(id, $1) }!
    }

    /// Whether it is certain where a task with this id is: it was made for that cluster.
    package func isCertain(_ id: TaskID) -> Bool {
        self.clusters.count == 1 || self.clusters.contains { $0.number == id.clusterNumber }
    }

    /// Never to be changed: it says where tasks are.
    private func score(_ id: TaskID, _ place: Int) -> UInt64 {
        var hash = UInt64(self.clusters[place].number) &+ 0x9e37_79b9_7f4a_7c15
        for word in [id.high, id.low] {
            // Each bit of the id and of the number moves about half of the bits.
            hash = (hash ^ word) &* 0xbf58_476d_1ce4_e5b9
            hash = (hash ^ (hash >> 27)) &* 0x94d0_49bb_1331_11eb
            hash ^= hash >> 31
        }
        return hash
    }
}

extension TaskID {
    /// The number of the cluster in an id of version 8; `nil` where a client chose another kind.
    package var clusterNumber: UInt16? {
        guard self.high >> 12 & 0xf == 8, self.low >> 62 == 2 else { return nil }
        return UInt16(self.high & 0x0fff)
    }
}
