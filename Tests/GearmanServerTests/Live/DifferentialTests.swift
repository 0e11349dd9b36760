import Foundation
import Gearman
import GearmanServer
import Testing

/// The same random sessions with our server and with gearmand; `Scripts/with-gearmand swift test …` says where one is.
@Suite(.timeLimit(.minutes(3)))
struct DifferentialTests {
    private static let port = ProcessInfo.processInfo.environment["GEARMAND_PORT"].flatMap { Int($0) }

    @Test(
        .enabled(
            if: port != nil || ProcessInfo.processInfo.environment["CI"] == "true",
            "GEARMAND_PORT is not set: run it by Scripts/with-gearmand"))
    func `random sessions have the same answers from our server and from gearmand`() async throws {
        let port = try #require(Self.port)
        try await withServer { ours in
            for seed in 1...40 {
                let prefix = "s\(seed)."
                var session = DifferentialSession(seed: UInt64(seed), prefix: prefix)
                let servers = [
                    try ComparedServer("gearclock", port: ours.port, prefix: prefix),
                    try ComparedServer("gearmand", port: port, prefix: prefix),
                ]
                for number in 1...150 {
                    let step = session.next()
                    let answers = [try await servers[0].perform(step), try await servers[1].perform(step)]
                    guard answers[0] == answers[1] else {
                        Issue.record(
                            "seed \(seed), step \(number): \(step)\nours: \(answers[0])\ngearmand: \(answers[1])")
                        break
                    }
                }
            }
        }
    }
}
