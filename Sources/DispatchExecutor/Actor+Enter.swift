extension Actor {
    /// Enters the actor from a function that runs on its executor already: a handler of its queue, or another actor of
    /// the same executor.
    ///
    /// It is `assumeIsolated`, but the assumption is checked in debug builds only: asking the executor takes 500
    /// instructions on Linux, and a job server enters actors a dozen times for each job.
    @inlinable
    package nonisolated func enter<Result: Sendable>(_ body: (isolated Self) -> Result) -> Result {
        #if DEBUG
            self.preconditionIsolated()
        #endif
        // What the standard library does behind its own check.
        return withoutActuallyEscaping(body) { unsafeBitCast($0, to: ((Self) -> Result).self)(self) }
    }
}
