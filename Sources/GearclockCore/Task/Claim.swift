/// One run of one daemon process. Drawn at random when it starts, so that a restarted daemon is somebody else.
package struct OwnerID: Hashable, Sendable, CustomStringConvertible {
    package let value: UInt64

    package init(value: UInt64) {
        self.value = value
    }

    package init(using random: inout some RandomNumberGenerator) {
        // Signed 64-bit columns hold it, and 0 is never drawn.
        self.value = max(1, random.next() & 0x7fff_ffff_ffff_ffff)
    }

    package var description: String {
        String(self.value, radix: 16)
    }
}

/// The right to change a running task: it fences every later change, because a store applies a change only where id,
/// owner and attempt all match. A claim that lost its lease can change nothing.
package struct Claim: Hashable, Sendable {
    package let id: TaskID
    package let owner: OwnerID
    package let attempt: UInt32

    package init(id: TaskID, owner: OwnerID, attempt: UInt32) {
        self.id = id
        self.owner = owner
        self.attempt = attempt
    }
}

/// A task that was claimed, with all that is needed to run it.
package struct ClaimedTask: Equatable, Sendable {
    package var definition: TaskDefinition
    package var claim: Claim
    /// How many attempts failed before this one.
    package var failures: UInt32
    package var leaseUntil: Timestamp

    package init(definition: TaskDefinition, claim: Claim, failures: UInt32, leaseUntil: Timestamp) {
        self.definition = definition
        self.claim = claim
        self.failures = failures
        self.leaseUntil = leaseUntil
    }

    package var id: TaskID { self.claim.id }
    package var dueAt: Timestamp { self.definition.dueAt }
}
