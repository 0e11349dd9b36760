internal import Gearman

/// What is kept for connections, in both directions, and who is given up when it is too much: whoever has the most,
/// whether it does not read or does not come to an end. A slow one alone costs nobody else anything.
extension JobServerStateMachine {
    /// Whether there is room for an answer. Who misses one is closed: the rest would make no sense to it.
    mutating func mayAddOutput(to slot: Int) -> Bool {
        guard self.isOpen(self.connections[slot].id) else { return false }
        guard self.bufferedBytes <= self.configuration.limits.bufferedBytes else {
            self.unanswered.append(slot)
            return false
        }
        self.touch(slot)
        return true
    }

    /// Brings the account up to date.
    mutating func count(_ slot: Int) {
        switch self.connections[slot].state {
        case .open, .closing:
            self.bufferedBytes += self.connections[slot].takeGrowth()
        case .closed: break
        }
    }

    /// So much was added to the output of an open connection.
    mutating func countOutput(_ bytes: Int, of slot: Int) {
        self.bufferedBytes += bytes
        self.connections[slot].countedBytes += bytes
    }

    /// A connection has nothing any more.
    mutating func uncount(_ slot: Int) {
        self.bufferedBytes -= self.connections[slot].countedBytes
        self.connections[slot].countedBytes = 0
        self.connections[slot].unsentBytes = 0
        self.connections[slot].output = []
        self.connections[slot].held = HeldAnswers()
        self.connections[slot].decoder = GearmanPacketDecoder()
    }

    mutating func setUnsentBytes(_ bytes: Int, of connection: ConnectionID) {
        guard self.connections[connection.slot].id == connection else { return }
        self.connections[connection.slot].unsentBytes = bytes
        self.count(connection.slot)
    }

    /// Gives connections up until the rest is within the limit.
    mutating func makeRoom() {
        while true {
            if self.bufferedBytes > self.configuration.limits.bufferedBytes, let slot = self.largest {
                self.giveUp(slot)
            } else if let slot = self.unanswered.popLast() {
                self.giveUp(slot)
            } else {
                return
            }
        }
    }

    private var largest: Int? {
        self.connections.indices.max { self.connections[$0].countedBytes < self.connections[$1].countedBytes }
    }

    private mutating func giveUp(_ slot: Int) {
        switch self.connections[slot].state {
        case .open: self.close(slot, isAfterFlush: false)
        case .closing:
            guard self.connections[slot].countedBytes > 0 else { break }
            self.uncount(slot)
            self.closes.append(JobServerActions.Close(connection: self.connections[slot].id, isAfterFlush: false))
        case .closed: break
        }
    }
}
