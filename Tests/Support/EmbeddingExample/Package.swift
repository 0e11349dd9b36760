// swift-tools-version: 6.2

import PackageDescription

// A package of somebody else's that uses the library: the product Gearman and nothing else of it.
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
            ])
    ]
)
