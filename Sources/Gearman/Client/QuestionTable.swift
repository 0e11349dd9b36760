/// The questions that somebody waits for, in batches that are answered as a whole.
struct QuestionTable {
    private final class Batch {
        let firstID: UInt64
        var results: [ClientAnswer.Result?]
        var missing: Int
        let continuation: CheckedContinuation<[ClientAnswer.Result?], Never>

        init(firstID: UInt64, count: Int, continuation: CheckedContinuation<[ClientAnswer.Result?], Never>) {
            self.firstID = firstID
            self.results = Array(repeating: nil, count: count)
            self.missing = count
            self.continuation = continuation
        }
    }

    private var batches: [UInt64: Batch] = [:]
    private var nextID: UInt64 = 1

    /// Numbers for a batch of questions; the answers go to `continuation`, in the order of the numbers.
    mutating func add(
        count: Int, continuation: CheckedContinuation<[ClientAnswer.Result?], Never>
    ) -> Range<UInt64> {
        let ids = self.nextID..<self.nextID + UInt64(count)
        self.nextID = ids.upperBound
        guard count > 0 else {
            continuation.resume(returning: [])
            return ids
        }
        let batch = Batch(firstID: ids.lowerBound, count: count, continuation: continuation)
        for id in ids { self.batches[id] = batch }
        return ids
    }

    mutating func answered(_ answers: [ClientAnswer]) {
        for answer in answers {
            guard let batch = self.batches.removeValue(forKey: answer.id) else { continue }
            batch.results[Int(answer.id - batch.firstID)] = answer.result
            batch.missing -= 1
            if batch.missing == 0 { batch.continuation.resume(returning: batch.results) }
        }
    }
}
