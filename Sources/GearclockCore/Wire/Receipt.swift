/// The answer to a submission: where the task stands.
package struct Receipt: Equatable, Sendable {
    package var id: TaskID
    /// The name of the store that has it.
    package var store: String
    /// On how many data nodes it is proven to stand.
    package var copies: Int
    package var dueAt: Timestamp
    /// The state in which an earlier submission with this id was found; `nil`: the task is new.
    package var duplicate: TaskState?

    package init(id: TaskID, store: String, copies: Int, dueAt: Timestamp, duplicate: TaskState? = nil) {
        self.id = id
        self.store = store
        self.copies = copies
        self.dueAt = dueAt
        self.duplicate = duplicate
    }

    package init(_ task: TaskDefinition, _ outcome: InsertOutcome, store: String, copies: Int = 1) {
        self.init(id: task.id, store: store, copies: copies, dueAt: task.dueAt)
        switch outcome {
        case .inserted: break
        case .exists(let state): self.duplicate = state
        case .tooLarge: preconditionFailure("What is not stored has no receipt")
        }
    }

    /// `{"id","stored":"yes","store","copies","due_at"}`, and for a task that was there already
    /// `{"id","stored":"yes","store","copies","duplicate":true,"state"}`: its due time is its own, so ask for it.
    package var json: [UInt8] {
        var writer = JSONWriter()
        self.write(to: &writer)
        return writer.bytes
    }

    func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("id", self.id.description)
            writer.member("stored", "yes")
            writer.member("store", self.store)
            writer.member("copies", self.copies)
            if let duplicate {
                writer.member("duplicate", true)
                writer.member("state", duplicate.name)
            } else {
                writer.member("due_at", self.dueAt)
            }
        }
    }

    /// The answer to a bulk submission: a receipt or `{"error": …}` for each task, in their order.
    package static func json(_ results: [Result<Receipt, TaskError>]) -> [UInt8] {
        var writer = JSONWriter()
        writer.array { writer in
            for result in results {
                switch result {
                case .success(let receipt): receipt.write(to: &writer)
                case .failure(let error):
                    writer.object { writer in
                        writer.name("error")
                        error.write(to: &writer)
                    }
                }
            }
        }
        return writer.bytes
    }
}
