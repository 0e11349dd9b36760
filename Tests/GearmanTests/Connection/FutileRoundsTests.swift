import Gearman
import Testing

/// A server that wakes a worker as soon as it sleeps, and has no job for it.
@Suite struct FutileRoundsTests {
    private func machine() throws -> WorkerConnectionStateMachine {
        var machine = WorkerConnectionStateMachine(
            configuration: WorkerConnectionConfiguration(functions: [.init(name: [0x66])]))
        _ = machine.connected(now: .ms(0))
        try #require(try shown(machine.packetsReceived([try response(.noJob)], now: .ms(0)).write) == ["PRE_SLEEP"])
        return machine
    }

    /// The server answers for a second as fast as it is asked; each answer takes a millisecond.
    private func rounds(_ machine: inout WorkerConnectionStateMachine, jobAt: Int? = nil) throws -> Int {
        var rounds = 0
        var isWoken = false
        for time in 1...1_000 {
            let now = GearmanInstant.ms(Int64(time))
            let written =
                isWoken
                ? machine.timerFired(now: now).write : machine.packetsReceived([try response(.noop)], now: now).write
            isWoken = true
            guard try shown(written) == ["GRAB_JOB_UNIQ"] else { continue }
            rounds += 1
            isWoken = false
            if rounds == jobAt {
                let job = try response(.jobAssignUnique, "H:\(rounds)", "f", "", data: "")
                _ = machine.packetsReceived([job], now: now)
                _ = machine.replied([.init(job: 1, result: .complete([]))], now: now)
            }
            let asleep = machine.packetsReceived([try response(.noJob)], now: now)
            try #require(try shown(asleep.write) == ["PRE_SLEEP"])
        }
        return rounds
    }

    @Test func `a worker that is woken in vain again and again asks less and less often`() throws {
        var machine = try self.machine()
        // Eight for nothing, then after 1, 2, 4 … 256 ms.
        let rounds = try self.rounds(&machine)
        #expect((16...20).contains(rounds))
    }

    @Test func `a job that comes makes it forget that`() throws {
        var machine = try self.machine()
        var other = try self.machine()
        #expect(try self.rounds(&machine, jobAt: 10) > self.rounds(&other) + 7)
    }

    @Test func `a worker that has slept for a while grabs at once, however often that is in vain`() throws {
        var machine = try self.machine()
        for round in 1...100 {
            let now = GearmanInstant.ms(Int64(round * 50))
            #expect(try shown(machine.packetsReceived([try response(.noop)], now: now).write) == ["GRAB_JOB_UNIQ"])
            _ = machine.packetsReceived([try response(.noJob)], now: now)
        }
    }

    @Test func `it wants to be woken when the pause is over`() throws {
        var machine = try self.machine()
        var wakeAt: GearmanInstant?
        for round in 0..<9 {
            wakeAt = machine.packetsReceived([try response(.noop)], now: .ms(Int64(round))).wakeAt
            if round < 8 { _ = machine.packetsReceived([try response(.noJob)], now: .ms(Int64(round))) }
        }
        #expect(wakeAt == .ms(9))
        #expect(try shown(machine.timerFired(now: .ms(8)).write).isEmpty)
        #expect(try shown(machine.packetsReceived([try response(.noop)], now: .ms(8)).write).isEmpty)
        #expect(try shown(machine.timerFired(now: .ms(9)).write) == ["GRAB_JOB_UNIQ"])
    }
}
