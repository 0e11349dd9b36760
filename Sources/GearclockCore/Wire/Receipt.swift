/// The answer to a submission: where the task stands.
package struct Receipt: Equatable, Sendable {
    package var id: TaskID
    /// The name of the store that has it.
    package var store: String
    /// The names of the data nodes on which it is proven to stand; as many are its copies.
    package var nodes: [String]
    package var dueAt: Timestamp
    /// The state in which an earlier submission with this id was found; `nil`: the task is new.
    package var duplicate: TaskState?

    package init(id: TaskID, store: String, nodes: [String], dueAt: Timestamp, duplicate: TaskState? = nil) {
        self.id = id
        self.store = store
        self.nodes = nodes
        self.dueAt = dueAt
        self.duplicate = duplicate
    }

    /// `{"id","stored":"yes","store","copies","nodes","due_at"}`; for a task that was there already
    /// `{"id","stored":"yes","store","copies","nodes","duplicate":true,"state"}`: its due time is its own, so ask for
    /// it.
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
            writer.member("copies", self.nodes.count)
            writer.name("nodes")
            writer.array { array in
                for node in self.nodes { array.string(node) }
            }
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
