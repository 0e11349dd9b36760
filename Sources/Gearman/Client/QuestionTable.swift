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

    /// Numbers for a batch of questions.
    mutating func makeIDs(count: Int) -> Range<UInt64> {
        let ids = self.nextID..<self.nextID + UInt64(count)
        self.nextID = ids.upperBound
        return ids
    }

    /// The answers to these questions go to `continuation`, in the order of the numbers.
    mutating func add(_ ids: Range<UInt64>, continuation: CheckedContinuation<[ClientAnswer.Result?], Never>) {
        guard !ids.isEmpty else { return continuation.resume(returning: []) }
        let batch = Batch(firstID: ids.lowerBound, count: ids.count, continuation: continuation)
        for id in ids { self.batches[id] = batch }
    }

    /// Nobody waits for the rest of the answers to a batch.
    mutating func cancel(_ ids: Range<UInt64>) {
        let batches = ids.compactMap { self.batches.removeValue(forKey: $0) }
        guard let batch = batches.first else { return }
        batch.continuation.resume(returning: batch.results)
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
