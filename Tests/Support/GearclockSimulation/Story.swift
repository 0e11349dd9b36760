internal import GearclockCore

/// Who does something in a simulated installation.
enum Actor: CustomStringConvertible {
    case world, store
    case process(Int, Machine? = nil)
    case server(Int)
    case target(Int)
    case client(Int)

    var description: String {
        switch self {
        case .world: "world"
        case .store: "store"
        case .process(let number, let machine): "process \(number)" + (machine.map { " \($0.role)" } ?? "")
        case .server(let number): "job server \(number)"
        case .target(let number): "target \(number)"
        case .client(let number): "client \(number)"
        }
    }
}

extension Machine {
    var role: String {
        switch self {
        case .intake: "worker"
        case .dispatcher: "dispatcher"
        case .controller: "controller"
        }
    }
}

extension Endpoint.Owner {
    var actor: Actor {
        switch self {
        case .worker(let node), .client(let node): .process(node)
        case .target(let target): .target(target)
        case .submitter(let client): .client(client)
        }
    }
}

/// One line of what happened in a run: when, who, what. Tasks are named T1, T2 … in it.
package struct StoryLine: Equatable, Sendable, CustomStringConvertible {
    /// Microseconds since the start.
    package var time: Int64
    package var actor: String
    package var text: String
    /// The fault that this is.
    package var fault: FaultName?

    package var description: String {
        let seconds = "\(self.time / 1_000_000)." + String(1_000_000 + self.time % 1_000_000).dropFirst()
        let column = String(repeating: " ", count: max(0, 10 - seconds.count)) + seconds
        let actor = self.actor + String(repeating: " ", count: max(0, 22 - self.actor.count))
        return "\(column)  \(self.fault == nil ? " " : "!") \(actor)  \(self.text)"
            + (self.fault.map { "  (\($0))" } ?? "")
    }

    /// Whether it says something about one of these tasks, or is a fault that all may suffer from.
    package func concerns(_ tasks: Set<String>) -> Bool {
        if case .strike = self.fault?.kind { return true }
        return !StoryLine.tasks(in: self.text).isDisjoint(with: tasks)
    }

    /// The tasks that a text names.
    package static func tasks(in text: String) -> Set<String> {
        let words = text.split { !($0.isLetter || $0.isNumber || $0 == ".") }
        return Set(words.filter { $0.first == "T" && $0.dropFirst().first?.isNumber == true }.map(String.init))
    }
}

extension Array {
    /// Short, as a story has it.
    var story: String { self.map { "\($0)" }.joined(separator: ", ") }
}

extension Timestamp {
    /// Seconds since the start of the simulation, as all times of a story.
    var story: String { "\(Double(self.microseconds - SimulatedClock.start) / 1_000_000)" }
}

extension Result<[HandOverAnswer], DispatcherStateMachine.HandOverFailure> {
    var story: String {
        switch self {
        case .success(let answers): answers.story
        case .failure(let failure): "\(failure)"
        }
    }
}

extension [Result<Receipt, TaskError>] {
    var story: String {
        self.map { result in
            switch result {
            case .success(let receipt): receipt.duplicate.map { "\($0) already" } ?? "stored"
            case .failure(let error): "\(error.code), stored: \(error.stored)"
            }
        }.joined(separator: ", ")
    }
}
