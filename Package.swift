// swift-tools-version: 6.2

import PackageDescription

/// The same rules for every target: what the compiler can enforce, it enforces (CONTRIBUTING.md, "The walls").
let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),  // SE-0335: an existential costs, so it is visible
    .enableUpcomingFeature("MemberImportVisibility"),  // SE-0444: a file imports what it uses
    .enableUpcomingFeature("InternalImportsByDefault"),  // SE-0409: a dependency does not leak into our interface
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),  // SE-0461: no hop to another executor unless asked for
    .treatAllWarnings(as: .error),  // SE-0480
]

let log = Target.Dependency.product(name: "Logging", package: "swift-log")
let metrics = Target.Dependency.product(name: "CoreMetrics", package: "swift-metrics")

let package = Package(
    name: "gearclock",
    products: [
        .library(name: "Gearman", targets: ["Gearman"]),
        .library(name: "GearmanServer", targets: ["GearmanServer"]),
        .library(name: "GearmanTLS", targets: ["GearmanTLS"]),
        .executable(name: "gearclock", targets: ["gearclock"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0", traits: ["YAML"]),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
    ],
    targets: [
        // The floor
        .target(name: "DispatchExecutor", swiftSettings: settings),

        // The protocol
        .systemLibrary(name: "CEpoll"),
        .target(name: "Gearman", dependencies: ["CEpoll", "DispatchExecutor", log, metrics], swiftSettings: settings),
        .systemLibrary(name: "COpenSSL"),
        .target(
            name: "GearmanTLS", dependencies: ["COpenSSL", "Gearman"], swiftSettings: settings),

        // A job server
        .target(
            name: "GearmanServer", dependencies: ["DispatchExecutor", "Gearman", log, metrics],
            swiftSettings: settings),

        // The mind
        .target(name: "GearclockCore", swiftSettings: settings),

        // Two memories
        .systemLibrary(name: "CMariaDB"),
        .target(
            name: "GearclockMariaDB",
            dependencies: ["CMariaDB", "DispatchExecutor", "GearclockCore", "GearclockEnvironment", log],
            swiftSettings: settings),
        .target(
            name: "GearclockSQLite",
            dependencies: [
                "GearclockCore", .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "GRDBSQLite", package: "GRDB.swift"),
            ],
            swiftSettings: settings),

        // Three thin services, and what all of them are given
        .target(name: "GearclockEnvironment", dependencies: ["GearclockCore", log], swiftSettings: settings),
        .target(
            name: "GearclockWorker",
            dependencies: ["GearclockCore", "GearclockEnvironment", "Gearman", log],
            swiftSettings: settings),
        .target(
            name: "GearclockDispatcher",
            dependencies: ["GearclockCore", "GearclockEnvironment", "Gearman", log],
            swiftSettings: settings),
        .target(
            name: "GearclockController",
            dependencies: ["GearclockCore", "GearclockEnvironment", "Gearman", log],
            swiftSettings: settings),

        // The front door
        .executableTarget(
            name: "gearclock",
            dependencies: [
                "GearclockController", "GearclockCore", "GearclockDispatcher", "GearclockEnvironment",
                "GearclockMariaDB", "GearclockSQLite",
                "GearclockWorker", "Gearman", "GearmanServer", "GearmanTLS", log,
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Configuration", package: "swift-configuration"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            swiftSettings: settings),

        // Tests: what several of them share, and two tools for developers
        .target(
            name: "TaskStoreConformance", dependencies: ["GearclockCore"], path: "Tests/Support/TaskStoreConformance",
            swiftSettings: settings),
        .target(
            name: "MariaDBServer", dependencies: ["GearclockMariaDB"], path: "Tests/Support/MariaDBServer",
            swiftSettings: settings),
        .target(
            name: "TestCertificates", path: "Tests/Support/TestCertificates", exclude: ["make"],
            swiftSettings: settings),
        .target(
            name: "GearclockSimulation",
            dependencies: [
                "DispatchExecutor", "GearclockController", "GearclockCore", "GearclockDispatcher",
                "GearclockEnvironment", "GearclockWorker", "Gearman", "GearmanServer", log,
            ],
            path: "Tests/Support/GearclockSimulation", swiftSettings: settings),
        .executableTarget(
            name: "gearclock-simulate",
            dependencies: [
                "GearclockSimulation", .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "Tests/Support/SimulateCommand", swiftSettings: settings),
        .executableTarget(
            name: "gearclock-bench",
            dependencies: [
                "DispatchExecutor", "GearclockCore", "GearclockEnvironment", "GearclockMariaDB", "GearclockSQLite",
                "Gearman", log,
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "GRDBSQLite", package: "GRDB.swift"),
            ],
            path: "Tests/Support/BenchCommand", swiftSettings: settings),
        .executableTarget(
            name: "gearclock-store-writer", dependencies: ["GearclockCore", "GearclockSQLite"],
            path: "Tests/Support/StoreWriter", swiftSettings: settings),

        // Tests
        .testTarget(name: "TidyTests", swiftSettings: settings),
        .testTarget(
            name: "GearmanTests",
            dependencies: [
                "CEpoll", "DispatchExecutor", "Gearman", "GearmanServer", "GearmanTLS", "TestCertificates", log,
                .product(name: "MetricsTestKit", package: "swift-metrics"),
            ],
            swiftSettings: settings),
        .testTarget(
            name: "GearmanServerTests",
            dependencies: [
                "DispatchExecutor", "Gearman", "GearmanServer", log,
                .product(name: "MetricsTestKit", package: "swift-metrics"),
            ],
            swiftSettings: settings),
        .testTarget(
            name: "GearclockCoreTests", dependencies: ["GearclockCore", "TaskStoreConformance"], swiftSettings: settings
        ),
        .testTarget(
            name: "GearclockSQLiteTests",
            dependencies: [
                "GearclockCore", "GearclockSQLite", "TaskStoreConformance", "gearclock-store-writer",
                .product(name: "GRDB", package: "GRDB.swift"),
            ],
            swiftSettings: settings),
        .testTarget(
            name: "GearclockMariaDBTests",
            dependencies: [
                "CMariaDB", "DispatchExecutor", "GearclockCore", "GearclockEnvironment", "GearclockMariaDB",
                "MariaDBServer", "TaskStoreConformance", "TestCertificates", log,
            ],
            swiftSettings: settings),
        .testTarget(
            name: "SimulationTests", dependencies: ["GearclockCore", "GearclockSimulation"], swiftSettings: settings),
        .testTarget(
            name: "ServiceTests",
            dependencies: [
                "DispatchExecutor", "GearclockController", "GearclockCore", "GearclockDispatcher",
                "GearclockEnvironment",
                "GearclockWorker", "Gearman", log,
            ],
            swiftSettings: settings),
        .testTarget(
            name: "CommandTests", dependencies: ["gearclock", "GearclockCore", "GearclockMariaDB", "Gearman", log],
            swiftSettings: settings),
    ]
)
