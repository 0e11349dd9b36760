import GearclockCore
import Testing

@Suite struct MembershipStateMachineTests {
    static let own = OwnerID(value: 7)
    var membership = MembershipStateMachine(id: Self.own, role: .dispatcher)
    var random = SeededGenerator(seed: 1)

    // MARK: - Beating

    @Test mutating func `it beats at once, and about once a second from then on`() throws {
        #expect(self.membership.started(now: Self.time(0)) == [.beat])
        let pauses = try (0..<100).map { _ -> Double in
            let actions = self.membership.beatReplied(.success([]), now: Self.time(5), using: &self.random)
            guard case .setTimer(let next)? = actions.first else { throw MissingTimer() }
            #expect(self.membership.timerFired(now: next.advanced(by: .microseconds(-1))) == [.setTimer(next)])
            #expect(self.membership.timerFired(now: next) == [.beat])
            return Self.time(5).duration(to: next).inSeconds
        }
        #expect(pauses.allSatisfy { $0 >= 0.9 && $0 <= 1.1 })
        #expect(Set(pauses).count > 50, "members that started together do not beat together")
    }

    @Test mutating func `only one beat is under way at a time`() {
        _ = self.membership.started(now: Self.time(0))
        #expect(self.membership.timerFired(now: Self.time(60)).isEmpty)
    }

    @Test(arguments: [TaskStoreError.unavailable("away"), .conflict, .outcomeUnknown("lost")])
    mutating func `while beats fail it keeps the buckets that it had, and beats on`(error: TaskStoreError) {
        let alone = self.membership.buckets
        self.join(2)
        let shared = self.membership.buckets
        #expect(alone == .all && shared != .all)
        for second in 3..<60 {
            self.beat(.failure(error), at: Double(second))
            #expect(self.membership.buckets == shared)
        }
    }

    // MARK: - Who lives

    @Test mutating func `it owns all buckets before it knows of others`() {
        #expect(self.membership.buckets == .all)
        self.beat([1: 100], at: 0)
        #expect(self.membership.buckets == .all, "the other one may have died before this one started")
        self.beat([1: 101], at: 1)
        #expect(self.membership.buckets != .all, "it lives")
    }

    @Test mutating func `a newcomer has its buckets as soon as it is seen`() {
        self.beat([:], at: 0)
        self.beat([1: 1], at: 1)
        #expect(self.membership.buckets != .all)
    }

    @Test mutating func `a member whose beats do not grow is dead after three seconds`() {
        self.join(1)
        let shared = self.membership.buckets
        self.beat([1: 2], at: 2)
        self.beat([1: 2], at: 3.9)
        #expect(self.membership.buckets == shared)
        self.beat([1: 2], at: 4)
        #expect(self.membership.buckets == .all)
        self.beat([1: 2], at: 5)
        #expect(self.membership.buckets == .all, "it remains dead")
        self.beat([1: 3], at: 6)
        #expect(self.membership.buckets == shared, "it was frozen")
    }

    @Test mutating func `beats that shrink, as an old reading shows them, are no sign of life`() {
        self.join(1)
        for (beats, second) in zip([2, 1, 2, 1] as [UInt64], 2...) { self.beat([1: beats], at: Double(second)) }
        #expect(self.membership.buckets == .all)
    }

    @Test mutating func `a member that leaves is gone at once`() {
        self.join(1)
        self.beat([:], at: 2)
        #expect(self.membership.buckets == .all)
    }

    @Test mutating func `after a time without answers the living have their time again, the dead do not`() {
        self.beat([1: 1, 2: 1], at: 0)
        for second in 1...4 { self.beat([1: 1, 2: 1 + UInt64(second)], at: Double(second)) }
        let shared = self.membership.buckets
        #expect(self.membership.members(.dispatcher) == [OwnerID(value: 2), Self.own])
        self.beat(.failure(.unavailable("away")), at: 20)
        self.beat([1: 1, 2: 5], at: 40)
        #expect(self.membership.buckets == shared)
        self.beat([1: 1, 2: 5], at: 41.5)
        self.beat([1: 1, 2: 5], at: 43)
        #expect(self.membership.buckets == .all)
    }

    @Test mutating func `members of another role have no buckets`() {
        self.beat(.success([Member(id: OwnerID(value: 1), role: .controller, beats: 1)]), at: 0)
        self.beat(.success([Member(id: OwnerID(value: 1), role: .controller, beats: 2)]), at: 1)
        #expect(self.membership.buckets == .all)
        #expect(self.membership.members(.controller) == [OwnerID(value: 1)])
        #expect(self.membership.members(.dispatcher) == [Self.own])
    }

    // MARK: - Buckets

    @Test func `members that know each other share all buckets, none twice, and about evenly`() {
        for count in 1...10 as ClosedRange<UInt64> {
            let shares = (0..<count).map { Self.buckets(of: $0, among: count) }
            #expect(shares.reduce(0) { $0 | $1.mask } == .max)
            #expect(shares.map(\.mask.nonzeroBitCount).reduce(0, +) == BucketSet.count)
            #expect(shares.allSatisfy { $0.mask.nonzeroBitCount <= 3 * BucketSet.count / Int(count) })
        }
    }

    @Test func `a member that goes leaves everybody else what it had`() {
        for count in 2...10 as ClosedRange<UInt64> {
            for member in 0..<count - 1 {
                let (before, after) = (
                    Self.buckets(of: member, among: count), Self.buckets(of: member, among: count - 1)
                )
                #expect(before.mask & after.mask == before.mask)
            }
        }
    }

    // MARK: - Shares of a limit

    @Test func `a limit is split over the members, its remainder among others in each lane`() {
        let ids = [1, 7, 9, 12] as [UInt64]
        let members = ids.map { Self.member($0, of: ids) }
        var first: [Int] = []
        for lane in (0..<64).map({ Lane(of: FunctionName("f\($0)")!) }) {
            for limit in [0, 1, 2, 4, 7, 9] {
                let shares = members.map { $0.share(of: limit, in: lane) }
                #expect(shares.reduce(0, +) == limit)
                #expect(shares.allSatisfy { $0 == limit / 4 || $0 == limit / 4 + 1 })
            }
            first.append(members.firstIndex { $0.share(of: 1, in: lane) == 1 }!)
        }
        for index in ids.indices { #expect(first.count { $0 == index } >= 4, "the limits lie on all of them") }
    }

    @Test func `when a member goes, no part of a small limit moves but its own`() {
        let ids = [1, 7, 9] as [UInt64]
        for lane in (0..<64).map({ Lane(of: FunctionName("f\($0)")!) }) {
            let before = Self.member(7, of: ids).share(of: 1, in: lane)
            let after = Self.member(7, of: [1, 7]).share(of: 1, in: lane)
            #expect(before <= after)
            #expect(before == after || Self.member(9, of: ids).share(of: 1, in: lane) == 1)
        }
    }

    @Test mutating func `nothing of a limit is used before it is known who else uses it`() {
        #expect(self.membership.share(of: 10, in: Lane(value: 0)) == 0)
        self.beat(.failure(.unavailable("away")), at: 0)
        #expect(self.membership.share(of: 10, in: Lane(value: 0)) == 0)
        self.beat([:], at: 1)
        #expect(self.membership.share(of: 10, in: Lane(value: 0)) == 10)
    }

    // MARK: - The end

    @Test mutating func `it says that it goes`() {
        self.beat([:], at: 0)
        #expect(self.membership.shutdownRequested() == [.leave])
        #expect(self.membership.shutdownRequested().isEmpty)
        #expect(!self.membership.hasLeft)
        self.membership.leaveReplied()
        #expect(self.membership.hasLeft)
        #expect(self.membership.timerFired(now: Self.time(60)).isEmpty)
    }

    @Test mutating func `it does not go before its beat is answered, which would let it join again`() {
        _ = self.membership.started(now: Self.time(0))
        #expect(self.membership.shutdownRequested().isEmpty)
        let actions = self.membership.beatReplied(.failure(.conflict), now: Self.time(0), using: &self.random)
        #expect(actions == [.leave])
    }

    // MARK: - Shorthand

    private struct MissingTimer: Error {}

    /// One of several members that know each other.
    private static func member(_ id: UInt64, of ids: [UInt64]) -> MembershipStateMachine {
        var random = SeededGenerator(seed: 1)
        var membership = MembershipStateMachine(id: OwnerID(value: id), role: .dispatcher)
        _ = membership.started(now: Self.time(0))
        let others = Dictionary(uniqueKeysWithValues: ids.map { ($0, UInt64(1)) })
        _ = membership.beatReplied(Self.reply(others), now: Self.time(0), using: &random)
        return membership
    }

    private static func time(_ seconds: Double) -> MonotonicInstant {
        MonotonicInstant(microseconds: Int64(seconds * 1_000_000))
    }

    /// An answer with other dispatchers, given by the values of their ids, and their beats.
    private static func reply(_ others: [UInt64: UInt64]) -> Result<[Member], TaskStoreError> {
        .success(
            others.sorted { $0.key < $1.key }
                .map { Member(id: OwnerID(value: $0.key), role: .dispatcher, beats: $0.value) })
    }

    /// What one of several members owns once all have beaten twice.
    private static func buckets(of member: UInt64, among count: UInt64) -> BucketSet {
        var random = SeededGenerator(seed: 1)
        let ids = (0..<count).map { _ in OwnerID(using: &random) }
        var membership = MembershipStateMachine(id: ids[Int(member)], role: .dispatcher)
        _ = membership.started(now: Self.time(0))
        for beats in 1...2 as ClosedRange<UInt64> {
            let members = ids.map { Member(id: $0, role: .dispatcher, beats: beats) }
            _ = membership.beatReplied(.success(members), now: Self.time(Double(beats)), using: &random)
            _ = membership.timerFired(now: Self.time(Double(beats) + 0.99 + 1))
        }
        return membership.buckets
    }

    /// Another dispatcher that lives, from second 0 to 1.
    private mutating func join(_ other: UInt64) {
        self.beat([other: 1], at: 0)
        self.beat([other: 2], at: 1)
    }

    private mutating func beat(_ others: [UInt64: UInt64], at seconds: Double) {
        self.beat(Self.reply(others), at: seconds)
    }

    private mutating func beat(_ reply: Result<[Member], TaskStoreError>, at seconds: Double) {
        // The timer of the beat before may be a tenth late; what is tested here is the answer.
        #expect(self.membership.timerFired(now: Self.time(seconds + 1000)) == [.beat])
        _ = self.membership.beatReplied(reply, now: Self.time(seconds), using: &self.random)
    }
}
