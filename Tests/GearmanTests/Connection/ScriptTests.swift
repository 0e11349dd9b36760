import Gearman
import Testing

/// Every short script of a small alphabet, and random longer ones. A failure shows the script, which repeats it.
@Suite struct ScriptTests {
    /// Calls with every sequence of so many letters.
    private func forEach(_ alphabet: [[UInt8]], length: Int, _ body: ([UInt8]) throws -> Void) rethrows {
        var digits = Array(repeating: 0, count: length)
        while true {
            try body(digits.flatMap { alphabet[$0] })
            guard let place = digits.lastIndex(where: { $0 < alphabet.count - 1 }) else { return }
            digits[place] += 1
            for later in digits.indices[(place + 1)...] { digits[later] = 0 }
        }
    }

    private func requireNoViolation(_ script: [UInt8], _ run: ([UInt8]) throws -> Void) throws {
        do {
            try run(script)
        } catch {
            Issue.record("\(error) in \(script)")
            throw error
        }
    }

    @Test(arguments: 0..<8)
    func `a client's jobs end once in every sequence of five events`(first: Int) throws {
        let alphabet: [[UInt8]] = [
            [0, 1],  // a job with a unique ID
            [0, 2],  // a background job
            [3, 3],  // an echo
            [9, 0],  // JOB_CREATED
            [57, 0],  // ERROR
            [185, 0],  // WORK_COMPLETE
            [5, 200],  // 20 s without a sound
            [4, 1],  // the first job abandoned
        ]
        // The first byte connects; OPTION_RES follows.
        try self.forEach(alphabet, length: 4) { rest in
            try self.requireNoViolation([0, 121, 0] + alphabet[first] + rest) { try ClientScript.run($0) }
        }
    }

    @Test(arguments: 0..<6)
    func `a worker grabs and sleeps by the rules in every sequence of five events`(first: Int) throws {
        let alphabet: [[UInt8]] = [
            [0, 0],  // JOB_ASSIGN_UNIQ
            [2, 0],  // NO_JOB
            [3, 0],  // NOOP
            [4, 0],  // the first job in hand is done
            [6, 0],  // drain
            [5, 200],  // 20 s without a sound
        ]
        for depth: UInt8 in [0, 2] {
            try self.forEach(alphabet, length: 4) { rest in
                try self.requireNoViolation([depth, 0] + alphabet[first] + rest) { try WorkerScript.run($0) }
            }
        }
    }

    @Test(arguments: 0..<4)
    func `no random script finds a job without an end, a worker that breaks the rules or a job gone astray`(
        shard: UInt64
    ) throws {
        for seed in shard * 10_000..<shard * 10_000 + 300 {
            var random = SeededRandom(seed: seed)
            let script = random.bytes(upTo: 200)
            try self.requireNoViolation(script) { try ClientScript.run($0) }
            try self.requireNoViolation(script) { try WorkerScript.run($0) }
            try self.requireNoViolation(script) { try RouterScript.run($0) }
        }
    }
}
