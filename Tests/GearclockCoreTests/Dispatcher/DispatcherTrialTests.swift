import GearclockCore
import Testing

/// A dispatcher whose tasks get no further, because its controllers or its job servers are away.
@Suite struct DispatcherTrialTests {
    var dispatcher = DispatcherFixture { $0.lease.lease = .seconds(60) }

    /// Offers three tasks again and again, from second 0 on; nobody accepts them.
    /// - Returns: what follows from the first refusal at that moment or later.
    private mutating func refuse(until seconds: Double) -> [DispatcherStateMachine.Action] {
        self.dispatcher.handOver(DispatcherFixture.tasks(3))
        var now = 0.0
        for id in 0... as PartialRangeFrom<UInt64> {
            let actions = self.dispatcher.handedOver(
                id % 2 == 0 ? .failure(.notDelivered) : .success([.deferred, .deferred, .deferred]), id: id, at: now)
            if now >= seconds { return actions }
            repeat { now += 0.05 } while self.dispatcher.timer(at: now).handOvers.isEmpty
        }
        return []
    }

    @Test mutating func `what nobody accepts for a moment is kept`() {
        #expect(self.refuse(until: 1).settlements == [])
        #expect(self.dispatcher.machine.inHand == 3)
    }

    @Test mutating func `what nobody accepts for as long as a dispatcher may be silent is given back, due as before`() {
        let actions = self.refuse(until: 3)
        #expect(actions.settlements.map(\.change) == Array(repeating: .release(at: Sample.time(0)), count: 3))
        #expect(self.dispatcher.machine.inHand == 0)
    }

    @Test mutating func `it does not say that it lives then, and claims one task a second`() {
        _ = self.refuse(until: 3)
        _ = self.dispatcher.settled(.success([.done, .done, .done]), at: 4)
        // The last beat, of second 1, is answered.
        _ = self.dispatcher.beat(.success([]), at: 4)
        #expect(!self.dispatcher.timer(at: 6).contains(.beat(Sample.owner)))
        let trial = self.dispatcher.dueLanes(["f"], at: 6).claim
        #expect(trial?.limit == 1)
        let offered = self.dispatcher.claimed(.success(DispatcherFixture.tasks(1, first: 9)), at: 6).handOvers
        #expect(offered.map(\.count) == [1])
    }

    @Test mutating func `when a trial is accepted it is as before`() throws {
        _ = self.refuse(until: 3)
        _ = self.dispatcher.settled(.success([.done, .done, .done]), at: 4)
        // The last beat, of second 1, is answered.
        _ = self.dispatcher.beat(.success([]), at: 4)
        _ = self.dispatcher.timer(at: 6)
        _ = self.dispatcher.dueLanes(["f"], at: 6)
        let offer = self.dispatcher.claimed(.success(DispatcherFixture.tasks(1, first: 9)), at: 6)
        let id = try #require(offer.compactMap { if case .handOver(let id, _, _) = $0 { id } else { nil } }.first)
        let actions = self.dispatcher.handedOver(.success([.accepted]), id: id, at: 6)
        #expect(actions.contains(.beat(Sample.owner)))
        #expect(actions.claim?.limit == Limits.claimBatch)
    }

    @Test mutating func `with nothing to try it lives again after a while, and one refusal is enough to end that`()
        throws
    {
        _ = self.refuse(until: 3)
        _ = self.dispatcher.settled(.success([.done, .done, .done]), at: 4)
        _ = self.dispatcher.beat(.success([]), at: 4)
        #expect(!self.dispatcher.timer(at: 6.9).contains(.beat(Sample.owner)))
        _ = self.dispatcher.dueLanes([], at: 6.9)
        #expect(self.dispatcher.timer(at: 8).contains(.beat(Sample.owner)))
        #expect(self.dispatcher.dueLanes(["f"], at: 8).claim?.limit == Limits.claimBatch)
        let offer = self.dispatcher.claimed(.success(DispatcherFixture.tasks(2, first: 9)), at: 8)
        let id = try #require(offer.compactMap { if case .handOver(let id, _, _) = $0 { id } else { nil } }.first)
        #expect(self.dispatcher.handedOver(.failure(.notDelivered), id: id, at: 8).settlements.count == 2)
    }

    @Test mutating func `a stop waits three seconds for an answer, and one that comes later means nothing`() {
        self.dispatcher.handOver(DispatcherFixture.tasks(3))
        let leaving = self.dispatcher.machine.shutdownRequested(now: Sample.now(1))
        #expect(leaving.timer?.seconds == 4)
        _ = self.dispatcher.machine.leaveReplied(now: Sample.now(1))
        #expect(!self.dispatcher.timer(at: 3.9).contains(.stopped))
        #expect(self.dispatcher.timer(at: 4).last == .stopped)
        #expect(self.dispatcher.machine.inHand == 0)
        #expect(self.dispatcher.handedOver(.success([.accepted, .accepted, .accepted]), at: 5).isEmpty)
    }
}
