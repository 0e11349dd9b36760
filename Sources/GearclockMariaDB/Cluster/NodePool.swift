/// The connections to one node: each belongs to one call at a time, and is made when it is first needed.
struct NodePool {
    /// Asks the node how it is, and does nothing else.
    let watcher: NodeConnection
    private var changing: Lane
    private var reading: Lane

    /// Nothing is connected yet.
    init(of node: MariaDBConfiguration.Node, _ configuration: MariaDBConfiguration) {
        var impatient = configuration
        // Whoever asks a node how it is gives up long before this; but somebody may have been cut off while connecting.
        impatient.statementTimeout = configuration.connectTimeout
        self.watcher = NodeConnection(to: node, configuration: impatient, for: .reading)
        self.changing = Lane(limit: configuration.connections) {
            NodeConnection(to: node, configuration: configuration, for: .changing)
        }
        self.reading = Lane(limit: configuration.connections) {
            NodeConnection(to: node, configuration: configuration, for: .reading)
        }
    }

    /// A connection that is free; `nil` if the caller has to wait.
    mutating func take(_ purpose: MariaDBConnection.Purpose) -> NodeConnection? {
        switch purpose {
        case .changing: self.changing.take()
        case .reading: self.reading.take()
        }
    }

    mutating func wait(_ purpose: MariaDBConnection.Purpose, _ waiter: Waiter) {
        switch purpose {
        case .changing: self.changing.waiting.append(waiter)
        case .reading: self.reading.waiting.append(waiter)
        }
    }

    /// The call is over; whoever waits longest is next.
    mutating func giveBack(_ connection: NodeConnection, _ purpose: MariaDBConnection.Purpose) {
        switch purpose {
        case .changing: self.changing.giveBack(connection)
        case .reading: self.reading.giveBack(connection)
        }
    }

    /// Sends away those who wait: the node is of no use now.
    mutating func dismissWaiting() {
        self.changing.dismissWaiting()
        self.reading.dismissWaiting()
    }

    /// All connections, in use or not.
    var all: [NodeConnection] { [self.watcher] + self.changing.made + self.reading.made }

    typealias Waiter = CheckedContinuation<NodeConnection?, Never>

    /// The connections for one purpose.
    private struct Lane {
        let limit: Int
        let make: @Sendable () -> NodeConnection
        private(set) var made: [NodeConnection] = []
        private var idle: [NodeConnection] = []
        var waiting: [Waiter] = []

        init(limit: Int, make: @escaping @Sendable () -> NodeConnection) {
            self.limit = limit
            self.make = make
        }

        mutating func take() -> NodeConnection? {
            // The one that was used last: its statements are prepared, and others may rest.
            if let connection = self.idle.popLast() { return connection }
            guard self.made.count < self.limit else { return nil }
            let connection = self.make()
            self.made.append(connection)
            return connection
        }

        mutating func giveBack(_ connection: NodeConnection) {
            if self.waiting.isEmpty {
                self.idle.append(connection)
            } else {
                self.waiting.removeFirst().resume(returning: connection)
            }
        }

        mutating func dismissWaiting() {
            for waiter in self.waiting { waiter.resume(returning: nil) }
            self.waiting = []
        }
    }
}
