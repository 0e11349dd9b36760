/// How one MariaDB, or one Galera cluster, is reached and used.
package struct MariaDBConfiguration: Equatable, Sendable {
    /// One server. Several of them are the nodes of one Galera cluster.
    package struct Node: Hashable, Sendable, CustomStringConvertible {
        package var host: String
        /// Default 3306.
        package var port: UInt16

        package init(host: String, port: UInt16 = 3306) {
            self.host = host
            self.port = port
        }

        /// `HOST:PORT`, the name of a node in receipts and logs.
        package var description: String {
            self.host.contains(":") ? "[\(self.host)]:\(self.port)" : "\(self.host):\(self.port)"
        }
    }

    /// How a connection is protected.
    package enum TLS: Equatable, Sendable {
        /// Not at all. Default for loopback addresses only; everywhere else one has to say so.
        case off
        /// Encrypted, and the server's certificate and name are verified against these authorities (a PEM file), or
        /// against the system's.
        case verified(certificateAuthorities: String?)
        /// Encrypted; whoever answers is believed.
        case unverified
    }

    /// What is done when fewer nodes than ``copies`` are well.
    package enum TooFewCopies: Equatable, Sendable {
        /// The client is told that its task is not stored, or that it is unknown. Default.
        case refuse
        /// The task is stored with fewer copies, and its receipt says how many.
        case accept
    }

    /// In the order of preference; at least one.
    package var nodes: [Node]
    package var database: String
    package var user: String
    /// Never in a description, a log or an error.
    package var password: Secret?
    package var tls: TLS
    /// Data nodes on which a task is proven to stand before its client is told, 1 ... the number of nodes. Default: 2
    /// if there are two nodes or more, otherwise 1.
    package var copies: Int
    package var tooFewCopies = TooFewCopies.refuse
    /// Connections to one node that change tasks or read them, 1 ... 64. Default 4. One more watches each node.
    package var connections = 4
    /// How long a connection may take to be there. Default 2 s.
    package var connectTimeout: Duration = .seconds(2)
    /// How long a statement may be without an answer. Default 15 s: a commit of a healthy Galera cluster hangs for up
    /// to 7 s when another node dies.
    package var statementTimeout: Duration = .seconds(15)

    package init(
        nodes: [Node], database: String = "gearclock", user: String = "gearclock", password: Secret? = nil,
        tls: TLS = .off
    ) {
        self.nodes = nodes
        self.database = database
        self.user = user
        self.password = password
        self.tls = tls
        self.copies = min(2, nodes.count)
    }

    /// A text that must not be seen.
    package struct Secret: Hashable, Sendable, CustomStringConvertible, CustomDebugStringConvertible {
        package let text: String

        package init(_ text: String) {
            self.text = text
        }

        package var description: String { "***" }
        package var debugDescription: String { "***" }
    }
}
