import GearmanServer
import Testing

/// Jobs are found by their hashes, however many share one.
@Suite struct JobIndexTests {
    @Test func `it finds what a dictionary would find`() {
        for seed in 0..<40 as Range<UInt64> {
            var random = SeededRandom(seed: seed)
            // Few hashes, so that most places are taken by others, and around the end of the index.
            let hashes = (0..<UInt32.random(in: 1...60, using: &random)).map { UInt32.max - 8 &+ $0 }
            var index = JobIndex()
            var expected: [Int32: UInt32] = [:]
            for _ in 0..<600 {
                let slot = Int32.random(in: 0..<200, using: &random)
                if let hash = expected.removeValue(forKey: slot) {
                    let (isRemoved, isRemovedAgain) = (index.remove(slot, hash: hash), index.remove(slot, hash: hash))
                    #expect(isRemoved && !isRemovedAgain)
                } else {
                    let hash = random.element(of: hashes)
                    index.insert(slot, hash: hash)
                    expected[slot] = hash
                }
                #expect(index.count == expected.count)
            }
            #expect(index.slots.sorted() == expected.keys.sorted())
            for slot in 0..<200 as Range<Int32> {
                for hash in hashes {
                    #expect(index.first(hash) { $0 == slot } == (expected[slot] == hash ? slot : nil))
                }
            }
        }
    }

    @Test func `it is asked about jobs of the same hash only`() {
        var index = JobIndex()
        for slot in 0..<64 as Range<Int32> { index.insert(slot, hash: UInt32(slot % 4)) }
        var asked: [Int32] = []
        let found = index.first(2) { slot in
            asked.append(slot)
            return false
        }
        #expect(found == nil)
        #expect(asked.sorted() == Array(stride(from: 2, to: 64, by: 4)))
    }
}
