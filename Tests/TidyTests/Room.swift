/// A part of the house with rules of its own (CONTRIBUTING.md, "What each room may touch").
enum Room: CaseIterable {
    /// The executor under every socket.
    case floor
    /// Gearman's packets and connections, and a job server's jobs: they decide.
    case protocolMachines
    /// Gearman's sockets and timers, and a job server's.
    case transport
    /// Gearman's client, worker and admin client.
    case gearman
    /// GearclockCore: it decides.
    case core
    case stores
    /// What the daemons are given.
    case environment
    case daemons
    /// The executable.
    case door
    /// Tests, and what they share.
    case tests

    /// The longest matching folder decides.
    static let folders: [(folder: String, room: Room)] = [
        ("Sources/DispatchExecutor/", .floor),
        ("Sources/Gearman/Packet/", .protocolMachines),
        ("Sources/Gearman/Connection/", .protocolMachines),
        ("Sources/Gearman/Transport/", .transport),
        ("Sources/Gearman/", .gearman),
        ("Sources/GearmanServer/Machine/", .protocolMachines),
        ("Sources/GearmanServer/Service/", .transport),
        ("Sources/GearmanServer/", .gearman),
        ("Sources/GearmanTLS/", .gearman),
        ("Sources/GearclockCore/", .core),
        ("Sources/GearclockSQLite/", .stores),
        ("Sources/GearclockMariaDB/", .stores),
        ("Sources/GearclockEnvironment/", .environment),
        ("Sources/GearclockWorker/", .daemons),
        ("Sources/GearclockDispatcher/", .daemons),
        ("Sources/GearclockController/", .daemons),
        ("Sources/gearclock/", .door),
        ("Tests/", .tests),
        ("Package.swift", .tests),
    ]

    init?(of path: String) {
        let matching = Room.folders.filter { path.hasPrefix($0.folder) }
        guard let longest = matching.max(by: { $0.folder.utf8.count < $1.folder.utf8.count }) else { return nil }
        self = longest.room
    }
}

extension Set<Room> {
    static let everywhere = Set(Room.allCases)
    static let sources = Set.everywhere.subtracting([.tests])
    /// Where everything is decided and nothing is done.
    static let machines: Set<Room> = [.protocolMachines, .core]
    /// What other programs embed.
    static let library: Set<Room> = [.protocolMachines, .transport, .gearman, .floor]
}

/// Which modules the files of a folder may import; the longest matching folder decides, tests may import anything.
let allowedImports: [(folder: String, modules: Set<String>)] = [
    ("Sources/DispatchExecutor/", ["Dispatch", "Synchronization"]),
    ("Sources/Gearman/Packet/", []),
    ("Sources/Gearman/Connection/", []),
    (
        "Sources/Gearman/",
        [
            "CEpoll", "CoreMetrics", "DispatchExecutor", "Foundation", "Dispatch", "Glibc", "Musl", "Logging",
            "Synchronization",
        ]
    ),
    ("Sources/GearmanServer/Machine/", ["Gearman"]),
    (
        "Sources/GearmanServer/",
        ["CoreMetrics", "DispatchExecutor", "Gearman", "Foundation", "Glibc", "Musl", "Logging", "Synchronization"]
    ),
    ("Sources/GearmanTLS/", ["COpenSSL", "Gearman", "Synchronization"]),
    ("Sources/GearclockCore/", []),
    ("Sources/GearclockCore/Wire/", ["FoundationEssentials"]),
    ("Sources/GearclockSQLite/", ["GearclockCore", "GRDB", "GRDBSQLite", "Glibc", "Musl", "Synchronization"]),
    (
        "Sources/GearclockMariaDB/",
        [
            "CMariaDB", "DispatchExecutor", "GearclockCore", "GearclockEnvironment", "Glibc", "Musl", "Logging",
            "Synchronization",
        ]
    ),
    ("Sources/GearclockEnvironment/", ["GearclockCore", "Glibc", "Musl", "Logging", "Synchronization"]),
    ("Sources/GearclockWorker/", daemonImports),
    ("Sources/GearclockDispatcher/", daemonImports),
    ("Sources/GearclockController/", daemonImports),
    (
        "Sources/gearclock/",
        daemonImports.union([
            "GearclockMariaDB", "GearclockSQLite", "GearclockWorker", "GearclockDispatcher", "GearclockController",
            "GearmanServer", "GearmanTLS", "ArgumentParser",
            "Configuration", "ServiceLifecycle", "UnixSignals", "Foundation", "SystemPackage", "Glibc", "Musl",
        ])
    ),
]

private let daemonImports: Set<String> = [
    "GearclockCore", "GearclockEnvironment", "Gearman", "Logging", "Synchronization",
]
