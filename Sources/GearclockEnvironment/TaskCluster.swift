package import GearclockCore

/// One cluster as daemons know it: its store, and what its tasks' ids and receipts say of it.
package struct TaskCluster: Sendable {
    package let store: any TaskStore
    /// Its name and number, and how many data nodes it has.
    package let description: ClusterDirectory.Cluster

    package init(_ store: any TaskStore, _ description: ClusterDirectory.Cluster) {
        self.store = store
        self.description = description
    }
}
