/// On how many nodes new tasks must be seen before their client is told, and what is done when there are fewer.
package struct CopiesPolicy: Equatable, Sendable {
    /// Copies of a task that does not say how many it wants.
    package var copies: Int
    /// Whether such a task is stored on fewer nodes when there are fewer, and its receipt says so. What a client asked
    /// for by number is never lowered.
    package var acceptsFewer: Bool

    package init(copies: Int, acceptsFewer: Bool = false) {
        self.copies = max(1, copies)
        self.acceptsFewer = acceptsFewer
    }

    /// How many copies are aimed at.
    package func wanted(_ demand: CopiesDemand) -> Int {
        switch demand {
        case .configured: self.copies
        case .atLeast(let count): max(1, count)
        }
    }

    /// How many copies there must be.
    package func needed(_ demand: CopiesDemand) -> Int {
        switch demand {
        case .configured: self.acceptsFewer ? 1 : self.copies
        case .atLeast(let count): max(1, count)
        }
    }
}
