/// How the daemons of a cluster know of each other.
package struct MembershipPolicy: Equatable, Sendable {
    /// The time between two beats, give or take a tenth. Default 1 s.
    package var interval: Duration = .seconds(1)
    /// A member whose beats have not grown for so long is dead. Default 3 s: two beats may be late or lost.
    package var deadAfter: Duration = .seconds(3)

    package init() {}
}
