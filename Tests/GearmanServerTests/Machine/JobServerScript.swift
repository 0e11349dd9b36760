import Gearman
import GearmanServer

/// Drives a job server's machine by bytes: two say how it is made, then each byte is an event, most with others as
/// arguments. Any bytes are a script. Used by random tests and by the fuzzer.
///
/// Whatever anybody sends, the machine checks itself after each event, its lists agree in the end, and whoever sends
/// whole packets and reads is given what ``OwedAnswers`` says. A violation is thrown.
struct JobServerScript {
    struct Violation: Error, CustomStringConvertible {
        var description: String
    }

    /// A connection of the script; its place is used again when it is closed.
    private struct Peer {
        let name: String
        /// Nil: it has sent what need not be whole packets.
        var owed: OwedAnswers? = OwedAnswers()
    }

    private var server: InMemoryJobServer
    private let queuedBytes: Int
    private var peers: [Peer?] = Array(repeating: nil, count: Self.places)
    private var names = 0
    private var echoes = 0
    /// A cancelled job that runs has two ends, as in gearmand.
    private var mayCancel = false

    /// Places 0 to 3 send anything, 2 to 5 whole requests: so that there are always two of which all is known.
    private static let places = 6
    private static let lines = [
        "status", "prioritystatus", "workers", "show jobs", "show unique jobs", "version", "maxqueue f 3",
        "maxqueue g 0 1 2", "maxqueue f", "create function h", "drop function h", "drop function g", "", " ", "show",
        "a b c d e", "a b c d e f", "shutdown", "shutdown graceful",
    ]

    private init(_ flags: UInt8, limits: UInt8) {
        let queuedBytes = limits & 1 == 0 ? 20_000 : 1_500
        self.queuedBytes = queuedBytes
        self.server = InMemoryJobServer(keepsJobs: flags & 1 != 0) {
            $0.isRoundRobin = flags & 2 != 0
            $0.sendsExceptions = flags & 4 != 0
            $0.allowsShutdown = flags & 8 != 0
            $0.jobRetries = flags >> 4 & 3
            $0.workerWakeup = Int(flags >> 6)
            $0.limits.queuedBytes = queuedBytes
            $0.limits.functions = limits & 2 == 0 ? 100 : 3
            $0.limits.bufferedBytes = limits & 4 == 0 ? 1 << 20 : 3_000
            $0.limits.unsentBytes = limits & 8 == 0 ? 1 << 20 : 1_000
            $0.limits.registrations = limits & 16 == 0 ? 100 : 3
            $0.limits.payloadSizeBytes = limits & 32 == 0 ? 1 << 20 : 100
        }
        self.server.reportsClosesAtOnce = limits & 64 == 0
        guard flags & 1 != 0, limits & 128 != 0 else { return }
        self.server.restore(
            [
                GearmanKeptJob(number: 3, function: [0x66], unique: [0x75], workload: [1]),
                GearmanKeptJob(
                    number: 5, function: [0x67], reducer: [0x72], priority: .low, epochSeconds: 1_700_000_001,
                    retries: 1),
            ], lastNumber: 6)
    }

    static func run(_ bytes: some Sequence<UInt8>) throws {
        var bytes = bytes.makeIterator()
        var script = JobServerScript(bytes.next() ?? 0, limits: bytes.next() ?? 0)
        while let byte = bytes.next() {
            try script.step(byte, argument: { bytes.next() ?? 0 })
            try script.checkAnswers()
            guard script.server.machine.held.bytes <= script.queuedBytes + 10_000 else {
                throw Violation(description: "jobs hold \(script.server.machine.held.bytes) bytes")
            }
        }
        try script.end()
    }

    // MARK: Events

    private mutating func step(_ byte: UInt8, argument: () -> UInt8) throws {
        let place = Int(byte >> 4 & 3)
        switch byte & 15 {
        case 0: self.sendPiece(from: place, argument)
        case 1: self.sendLine(argument(), from: place)
        case 2: self.passTime(argument())
        case 3: self.reportReading(argument(), of: byte >> 6 < 2 ? place : place + 2)
        case 4:
            guard byte >> 6 >= 2 else { return }
            self.close(byte >> 6 == 3 ? place : place + 2)
        case 5: self.answerChange(argument())
        case 6:
            let choice = argument()
            if choice >= 254 { self.server.shutDown(isGraceful: choice == 255) }
            if choice < 8 { self.server.setWallClock(forward: .milliseconds(Int(choice) * 700 - 2_000)) }
        case _: try self.sendRequest(from: byte >> 6 == 2 ? place : place + 2, variant: byte >> 6, argument)
        }
    }

    private mutating func peer(at place: Int) -> String {
        if let peer = self.peers[place], self.server.isConnected(peer.name) { return peer.name }
        self.names += 1
        let name = "\(place)#\(self.names)"
        self.server.open(name)
        self.peers[place] = Peer(name: name)
        return name
    }

    private mutating func close(_ place: Int) {
        guard let peer = self.peers[place] else { return }
        self.server.close(peer.name)
        self.peers[place] = nil
    }

    /// Up to 8,000 bytes of anything.
    private mutating func sendPiece(from place: Int, _ argument: () -> UInt8) {
        let size = argument()
        let count = size < 224 ? Int(size) : Int(size - 224) << 8 + Int(argument())
        let bytes = (0..<count).map { _ in argument() }
        let name = self.peer(at: place)
        self.peers[place]?.owed = nil
        if bytes.contains(0x0a) { self.mayCancel = true }
        self.server.send(name, bytes)
    }

    private mutating func sendLine(_ choice: UInt8, from place: Int) {
        let name = self.peer(at: place)
        self.peers[place]?.owed = nil
        var line = "cancel job H:lab:\(choice & 15)"
        if choice < 192 { line = Self.lines[Int(choice) % Self.lines.count] } else { self.mayCancel = true }
        self.server.send(name, Array("\(line)\n".utf8))
    }

    private mutating func passTime(_ choice: UInt8) {
        let milliseconds = [0, 1, 400, 500, 1_000, 1_500, 11_000, 60_000]
        self.server.pass(.milliseconds(milliseconds[Int(choice) % milliseconds.count]))
    }

    private mutating func reportReading(_ choice: UInt8, of place: Int) {
        guard let name = self.peers[place]?.name else { return }
        let sizes = [1, 800, 1_100, 2_900, 5 << 20]
        if choice < 128 {
            self.server.caughtUp(name)
        } else {
            self.server.fellBehind(name, unsentBytes: sizes[Int(choice) % sizes.count])
        }
    }

    private mutating func answerChange(_ choice: UInt8) {
        guard let change = self.server.change else { return }
        switch choice {
        case ..<128: self.server.written()
        case ..<160: self.server.written(refused: Set(change.kept.prefix(1).map(\.number)))
        case ..<250: self.server.failed()
        case _: self.server.superseded()
        }
    }

    /// - Parameter variant: 3: in two pieces; 2: with a wrong byte.
    private mutating func sendRequest(from place: Int, variant: UInt8, _ argument: () -> UInt8) throws {
        let types = GearmanPacketType.allCases
        let type = types[Int(argument()) % types.count]
        let definition = type.definition
        let arguments = (0..<definition.argumentCount).map { Self.argument($0, of: type, argument()) }
        var data = definition.hasData ? Self.data(argument()) : ""
        if type == .echoRequest {
            self.echoes += 1
            data = "\(self.echoes)"
        }
        let name = self.peer(at: place)
        self.peers[place]?.owed?.requested(type, data: data)
        var bytes = try request(type, arguments, data: data)
        if variant == 2 {
            self.peers[place]?.owed = nil
            bytes[Int(argument()) % bytes.count] = argument()
        }
        let cut = variant == 3 ? Int(argument()) % bytes.count : 0
        self.server.send(name, Array(bytes[..<cut]))
        self.server.send(name, Array(bytes[cut...]))
    }

    private static func argument(_ index: Int, of type: GearmanPacketType, _ choice: UInt8) -> String {
        let words: [String]
        switch type {
        case .workComplete, .workFail, .workData, .workWarning, .workException, .workStatus, .getStatus:
            if index == 0 { return "H:lab:\(choice % 16)" }
            words = ["1", "0", "z", "-3"]
        case .submitJobEpoch where index == 2:
            words = ["0", "-1", "1700000001", "1700000003", "9223372036854775807", "92233720368547758080"]
        case .canDoTimeout where index == 1: words = ["0", "-1", "1", "1500", "92233720368547758080"]
        case .optionRequest: words = ["exceptions", "Exceptions", "other"]
        default: words = index == 0 ? ["f", "g", "h"] : ["", "-", "u", "v", String(repeating: "u", count: 65)]
        }
        return words[Int(choice) % words.count]
    }

    private static func data(_ choice: UInt8) -> String {
        choice < 240 ? ["", "x", "yy", "zzz"][Int(choice) % 4] : String(repeating: "l", count: Int(choice) * 4)
    }

    // MARK: What must be true

    private mutating func checkAnswers() throws {
        for place in self.peers.indices {
            guard let peer = self.peers[place] else { continue }
            let bytes = self.server.take(peer.name)
            try self.peers[place]?.owed?.received(bytes, mayCancel: self.mayCancel)
        }
    }

    /// All read, the journal writes, and the patience of those whom a stop has left without it is over: nobody waits,
    /// and what is left adds up.
    private mutating func end() throws {
        for peer in self.peers.compactMap(\.self) { self.server.caughtUp(peer.name) }
        while self.server.change != nil { self.server.written() }
        self.server.pass(.seconds(11))
        while self.server.change != nil { self.server.written() }
        try self.checkAnswers()
        for peer in self.peers.compactMap(\.self) where !self.server.closedByServer.contains(peer.name) {
            try peer.owed?.requireNone()
        }
        try self.checkNumbers()
        for peer in self.peers.compactMap(\.self) { self.server.close(peer.name) }
        try self.checkNumbers()
        self.server.shutDown(isGraceful: false)
        guard self.server.isFinished, self.server.machine.connectionCount == 0 else {
            throw Violation(description: "it does not end")
        }
        while self.server.change != nil { self.server.written() }
        guard self.server.machine.isJournalQuiet else { throw Violation(description: "jobs are not forgotten") }
    }

    /// The lists of the text protocol agree with each other, and with what the machine says.
    private mutating func checkNumbers() throws {
        self.server.open("auditor")
        defer { self.server.close("auditor") }
        let jobs = self.server.ask("auditor", "show jobs").split(separator: "\n").dropLast().count
        let totals = self.numbers("status")
        let queued = self.numbers("prioritystatus")
        // It is the largest one when there is little room; and others may have named functions as they liked.
        guard !self.server.closedByServer.contains("auditor"), let totals, let queued else { return }
        guard jobs == self.server.machine.held.jobs, totals.reduce(0, { $0 + $1[0] }) == jobs else {
            throw Violation(description: "\(jobs) jobs, but \(totals)")
        }
        guard totals.map({ $0[0] - $0[1] }) == queued.map({ $0[0] + $0[1] + $0[2] }) else {
            throw Violation(description: "\(totals) and \(queued)")
        }
    }

    /// The columns of a list behind the names of functions; nil if one has a name that nobody can read.
    private mutating func numbers(_ list: String) -> [[Int]]? {
        var rows: [[Int]] = []
        for line in self.server.ask("auditor", list).split(separator: "\n").dropLast() {
            let columns = line.split(separator: "\t", omittingEmptySubsequences: false)
            let numbers = columns.dropFirst().compactMap { Int($0) }
            guard columns.count >= 4, numbers.count == columns.count - 1 else { return nil }
            rows.append(numbers)
        }
        return rows
    }
}
