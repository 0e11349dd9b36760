/// One thing that goes wrong in a run. It keeps its name, its moment and its victims when others are left out, so that
/// a failing run can be made smaller.
package struct FaultName: Hashable, Comparable, Sendable, CustomStringConvertible {
    package enum Kind: String, CaseIterable, Sendable {
        /// Something strikes at its moment: the strike's number.
        case strike
        /// The store does not answer as it should: the process, the question's kind, the number of the call.
        case call
        /// A job does not succeed: the task, the number of its job.
        case job
        /// A client cancels a task: the task.
        case cancel
        /// A task goes to a custom controller: the task.
        case custom
        /// A custom controller forgets to eject a task: the task, the number of its job.
        case forgotten
    }

    package let kind: Kind
    package let numbers: [Int]

    init(_ kind: Kind, _ numbers: Int...) {
        self.kind = kind
        self.numbers = numbers
    }

    package var description: String {
        self.kind.rawValue + self.numbers.map(String.init).joined(separator: ".")
    }

    package init?(_ text: some StringProtocol) {
        let kind = text.prefix { $0.isLetter }
        let words = text.dropFirst(kind.count).split(separator: ".", omittingEmptySubsequences: false)
        let numbers = words.compactMap { Int($0) }
        guard let kind = Kind(rawValue: String(kind)), numbers.count == words.count else { return nil }
        self.kind = kind
        self.numbers = numbers
    }

    package static func < (left: Self, right: Self) -> Bool {
        left.kind == right.kind
            ? left.numbers.lexicographicallyPrecedes(right.numbers) : left.kind.rawValue < right.kind.rawValue
    }
}
