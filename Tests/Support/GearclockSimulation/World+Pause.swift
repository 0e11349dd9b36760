internal import GearclockCore

/// A function that is paused from the beginning, until all tasks of other functions have ended: it holds nobody up.
extension World {
    mutating func pause() {
        guard let function = self.swarm.pausedFunction else { return }
        self.heldBack = function
        _ = self.store.perform(
            .setFunctionSettings([FunctionSettings(function: function, isPaused: true)]), now: self.trueNow,
            trueNow: self.trueNow)
    }

    /// Once healed: resumes the function when nothing else is left to do.
    mutating func resumeIfOthersEnded() {
        guard let function = self.heldBack, self.ledger.unfinished(except: function) == nil else { return }
        self.note("function \(function) is resumed")
        self.heldBack = nil
        self.endBy = self.time + self.timeToEnd
        _ = self.store.perform(
            .setFunctionSettings([FunctionSettings(function: function)]), now: self.trueNow,
            trueNow: self.trueNow)
    }

    mutating func checkPause(_ request: StoreRequest, _ reply: StoreReply) {
        if case .claimed(let tasks) = reply, tasks.contains(where: { $0.definition.function == self.heldBack }) {
            self.ledger.fail("A task of a paused function is claimed", breaks: .paused)
        }
        // An operator who changes the same function takes this over.
        if case .setFunctionSettings(let settings) = request,
            settings.contains(where: { $0.function == self.heldBack })
        {
            self.heldBack = nil
        }
    }
}
