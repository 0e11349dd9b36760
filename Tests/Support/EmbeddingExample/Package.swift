// swift-tools-version: 6.2

import PackageDescription

// A package of somebody else's: a program that uses the product Gearman and nothing else of it, and tests of a worker
// through the product GearmanServer.
let package = Package(
    name: "embedding",
    dependencies: [
        .package(name: "gearclock", path: "../../.."),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
    ],
    targets: [
        .executableTarget(
            name: "embedding",
            dependencies: [
                .product(name: "Gearman", package: "gearclock"), .product(name: "Logging", package: "swift-log"),
                .product(name: "CoreMetrics", package: "swift-metrics"),
            ]),
        .executableTarget(
            name: "testing",
            dependencies: [
                .product(name: "Gearman", package: "gearclock"),
                .product(name: "GearmanServer", package: "gearclock"), .product(name: "Logging", package: "swift-log"),
            ]),
    ]
)
