import Foundation
import Testing

/// Random scripts, as the fuzzer invents them, and those that once failed. A failure shows the script that repeats it.
@Suite struct JobServerFuzzTests {
    @Test(arguments: 0..<4)
    func `no random script finds a trap, an answer that is missing or numbers that disagree`(shard: UInt64) throws {
        for seed in shard * 10_000..<shard * 10_000 + 25 {
            var random = SeededRandom(seed: seed)
            try self.play(random.bytes(upTo: 3_000), "seed \(seed)")
        }
    }

    @Test func `what the fuzzer once found is found no more`() throws {
        let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent().appending(path: "Fixtures/fuzz/server")
        let files = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
        #expect(!files.isEmpty)
        for file in files { try self.play(Array(Data(contentsOf: file)), file.lastPathComponent) }
    }

    private func play(_ script: [UInt8], _ name: String) throws {
        do {
            try JobServerScript.run(script)
        } catch {
            Issue.record("\(name): \(error) in \(script)")
            throw error
        }
    }
}
