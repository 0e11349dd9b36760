extension Actor {
    /// Enters the actor from a function that runs on its executor already: a handler of its queue, or another actor of
    /// the same executor.
    ///
    /// It is `assumeIsolated`, but the assumption is checked in debug builds only: asking the executor takes 500
    /// instructions on Linux, and a job server enters actors a dozen times for each job.
    @inlinable @inline(__always)
    package nonisolated func enter<Result: Sendable>(_ body: @escaping (isolated Self) -> Result) -> Result {
        #if DEBUG
            self.preconditionIsolated()
        #endif
        // What the standard library does behind its own check.
        return unsafeBitCast(body, to: ((Self) -> Result).self)(self)
    }

    /// The same for a function that captures nothing, which costs no allocation.
    @inlinable @inline(__always)
    package nonisolated func enter<Argument: Sendable, Result: Sendable>(
        with argument: Argument, _ body: @escaping (isolated Self, Argument) -> Result
    ) -> Result {
        #if DEBUG
            self.preconditionIsolated()
        #endif
        return unsafeBitCast(body, to: ((Self, Argument) -> Result).self)(self, argument)
    }
}
