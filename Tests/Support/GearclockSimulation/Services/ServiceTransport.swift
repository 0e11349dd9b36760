internal import GearclockCore
internal import Gearman

/// The streams of a simulated process to the job servers.
struct ServiceTransport: StreamTransport {
    let world: ServiceWorld
    let process: SimulatedProcess
    /// The machine on which it runs.
    let machine: Int

    func makeChannel(
        to server: GearmanServerAddress, timeout: Duration, eventLoop: GearmanEventLoop,
        onEvent: @escaping @Sendable (StreamEvent) -> Void
    ) -> any StreamChannel {
        let number = self.world.enter { world in
            world.addStream(
                ServiceStream(
                    process: self.process, machine: self.machine, server: server.port - ServiceJobServer.firstPort,
                    timeout: timeout.microseconds, onEvent: onEvent))
        }
        return ServiceChannel(world: self.world, number: number)
    }
}

/// One stream, as the process has it.
private final class ServiceChannel: StreamChannel {
    let world: ServiceWorld
    let number: Int

    init(world: ServiceWorld, number: Int) {
        self.world = world
        self.number = number
    }

    func open() { self.world.enter { $0.openStream(self.number) } }
    func write(_ bytes: [UInt8]) { self.world.enter { $0.write(bytes, to: self.number) } }
    var pendingBytes: Int { self.world.enter { $0.pendingBytes(self.number) } }
    func pauseReading() { self.world.enter { $0.pause(self.number, true) } }
    func resumeReading() { self.world.enter { $0.pause(self.number, false) } }
    func finish() { self.world.enter { $0.finishStream(self.number) } }
    func close() { self.world.enter { $0.closeStream(self.number, nil) } }
}

/// One connection between a process and a job server: ordered, and known to be lost at either end at different times.
struct ServiceStream {
    enum State {
        case idle, opening, open
        /// Nothing more is sent; the server's end is awaited.
        case finishing
        case closed
    }

    let process: SimulatedProcess
    let machine: Int
    let server: Int
    let timeout: Int64
    let onEvent: @Sendable (StreamEvent) -> Void
    var state = State.idle
    var isOpenAtServer = false
    /// Nothing arrives any more, in either direction.
    var isCut = false
    var lastToServer: Int64 = 0
    var lastToProcess: Int64 = 0
    /// The other end takes nothing for a while: what is written waits.
    var isJammed = false
    var unsent: [[UInt8]] = []
    /// So much waited that whoever writes has to be told when it does not any more.
    var wasFull = false
    /// Since when it is not read.
    var pausedAt: Int64?
    /// What came while it was paused.
    var unread: [[UInt8]] = []
    /// Reads along what the job server and a worker say to each other.
    var fromServer = GearmanPacketDecoder()
    var fromProcess = GearmanPacketDecoder()
    /// The jobs that the server gave to it: the task's number in the ledger, and the unique.
    var jobs: [[UInt8]: (index: Int, unique: [UInt8])] = [:]
}
