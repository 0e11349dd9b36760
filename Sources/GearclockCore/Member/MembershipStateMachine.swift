/// Knows which daemons of a cluster live, and so which part of the work is this one's.
///
/// A member beats about once a second, and each answer shows how often the others have. Who has beaten since the last
/// look lives; no two clocks are compared. While the store is away, everybody keeps what it had.
///
/// A member that could not beat for long must assume that the others took over its part. It goes on nevertheless: what
/// it knows is for speed only, and two that work on one part are kept apart by their claims.
///
/// Another machine embeds it and passes its actions on; the services of GearclockDispatcher and GearclockController
/// perform them.
package struct MembershipStateMachine: Sendable {
    package enum Action: Equatable, Sendable {
        /// Say that this daemon lives. Report by ``beatReplied(_:now:using:)``.
        case beat
        /// Say that it goes. Report by ``leaveReplied()``.
        case leave
        /// Call ``timerFired(now:)`` then; it replaces the timer set before.
        case setTimer(MonotonicInstant)
    }

    private enum State: Equatable {
        /// Can transition to: `beating` when its time has come, `leaving` when a shutdown is asked for.
        case idle(next: MonotonicInstant)
        /// Can transition to: `idle`, or `leaving` if a shutdown was asked for in the meantime: a beat that comes
        /// after the farewell would join again.
        case beating(isLast: Bool)
        /// Can transition to: `left`.
        case leaving
        case left
    }

    /// What this member knows of another one.
    private struct Other {
        var role: MemberRole
        var beats: UInt64
        /// When this member saw its beats grow, or appear.
        var seenAt: MonotonicInstant
        var isAlive: Bool
        /// It beat while this member was there. What the first answer shows may have died before.
        var isProven: Bool
    }

    package let id: OwnerID
    private let role: MemberRole
    private let policy: MembershipPolicy
    private var state = State.idle(next: MonotonicInstant(microseconds: .min))
    private var others: [OwnerID: Other] = [:]
    private var answeredAt: MonotonicInstant?

    /// This member's buckets, if it is a dispatcher. All of them until it knows that others live: it begins at once.
    package private(set) var buckets = BucketSet.all

    package init(id: OwnerID, role: MemberRole, policy: MembershipPolicy = MembershipPolicy()) {
        self.id = id
        self.role = role
        self.policy = policy
    }

    /// The members of a role that may live, this one included, in the order of their ids.
    package func members(_ role: MemberRole) -> [OwnerID] {
        var ids = self.others.filter { $0.value.role == role && $0.value.isAlive }.map(\.key)
        if role == self.role { ids.append(self.id) }
        return ids.sorted { $0.value < $1.value }
    }

    /// The part of a function's limit over all members of this one's role that it may use; the first ones have the
    /// remainder, in another order for each lane.
    ///
    /// Nothing until the first answer, and members that may live count: a limit is a promise.
    package func share(of limit: Int, in lane: Lane) -> Int {
        guard self.answeredAt != nil else { return 0 }
        // By rendezvous hashing, like buckets: who comes or goes moves no part from one of the others to another one.
        let members = self.members(self.role).map { ($0, $0.rank(in: UInt64(lane.value) << 16)) }
            .sorted { $0.1 > $1.1 }.map(\.0)
        let index = members.firstIndex(of: self.id)!
        return limit / members.count + (index < limit % members.count ? 1 : 0)
    }

    package var hasLeft: Bool { self.state == .left }

    // MARK: - Events

    package mutating func started(now: MonotonicInstant) -> [Action] {
        self.timerFired(now: now)
    }

    package mutating func timerFired(now: MonotonicInstant) -> [Action] {
        switch self.state {
        case .idle(let next) where next <= now:
            self.state = .beating(isLast: false)
            return [.beat]
        case .idle(let next):
            return [.setTimer(next)]
        case .beating, .leaving, .left:
            return []
        }
    }

    package mutating func beatReplied(
        _ reply: Result<[Member], TaskStoreError>, now: MonotonicInstant, using random: inout some RandomNumberGenerator
    ) -> [Action] {
        guard case .beating(let isLast) = self.state else { preconditionFailure("Invalid state: \(self.state)") }
        // A beat that failed or may have failed is not made up for: the next one says the same.
        if case .success(let members) = reply { self.learn(members, now: now) }
        if isLast {
            self.state = .leaving
            return [.leave]
        }
        // By chance, so that members that started together do not beat together for ever.
        let share = Double.random(in: 0.9...1.1, using: &random)
        let next = now.advanced(by: .fromSeconds(self.policy.interval.inSeconds * share))
        self.state = .idle(next: next)
        return [.setTimer(next)]
    }

    package mutating func shutdownRequested() -> [Action] {
        switch self.state {
        case .idle:
            self.state = .leaving
            return [.leave]
        case .beating:
            self.state = .beating(isLast: true)
            return []
        case .leaving, .left:
            return []
        }
    }

    /// Whatever the answer was: if the others have not heard it, they miss the beats soon.
    package mutating func leaveReplied() {
        precondition(self.state == .leaving, "Invalid state: \(self.state)")
        self.state = .left
    }

    // MARK: - Decisions

    private mutating func learn(_ members: [Member], now: MonotonicInstant) {
        // Who could not look for so long does not know who beat: the living have the time again.
        let isBlind = self.answeredAt.map { $0.duration(to: now) >= self.policy.deadAfter } ?? false
        var others: [OwnerID: Other] = [:]
        for member in members where member.id != self.id {
            guard var other = self.others[member.id] else {
                others[member.id] = Other(
                    role: member.role, beats: member.beats, seenAt: now, isAlive: true,
                    isProven: self.answeredAt != nil)
                continue
            }
            if member.beats > other.beats {
                other.beats = member.beats
                other.seenAt = now
                other.isAlive = true
                other.isProven = true
            } else if isBlind {
                other.seenAt = now
            }
            if other.seenAt.duration(to: now) >= self.policy.deadAfter { other.isAlive = false }
            others[member.id] = other
        }
        self.others = others
        self.answeredAt = now
        self.buckets = self.ownBuckets()
    }

    /// Rendezvous hashing: a bucket belongs to the member with the highest hash of (member, bucket). So all who know
    /// the same members agree, and a member that comes or goes moves no buckets but its own.
    private func ownBuckets() -> BucketSet {
        let rivals = self.others.filter { $0.value.role == self.role && $0.value.isAlive && $0.value.isProven }.keys
        var mask: UInt64 = 0
        for bucket in 0..<UInt64(BucketSet.count) {
            let own = self.id.rank(in: bucket << 56)
            if rivals.allSatisfy({ $0.rank(in: bucket << 56) < own }) { mask |= 1 << bucket }
        }
        return BucketSet(mask: mask)
    }
}

extension OwnerID {
    /// Never equal for two members. It must remain as it is: members of different versions have to agree.
    fileprivate func rank(in place: UInt64) -> (UInt64, UInt64) {
        var generator = SeededGenerator(seed: self.value ^ place)
        return (generator.next(), self.value)
    }
}
