/// What a job server knows about one function.
public struct GearmanFunctionStatus: Hashable, Sendable {
    /// Its name.
    public var function: String
    /// Its jobs, queued and running.
    public var total: UInt64
    /// Its jobs that a worker has.
    public var running: UInt64
    /// The workers that offer it.
    public var workers: UInt64

    package init(function: String, total: UInt64, running: UInt64, workers: UInt64) {
        self.function = function
        self.total = total
        self.running = running
        self.workers = workers
    }
}

/// How many jobs of one function wait, by priority.
public struct GearmanFunctionPriorityStatus: Hashable, Sendable {
    /// Its name.
    public var function: String
    /// Waiting jobs of high priority.
    public var high: UInt64
    /// Waiting jobs of normal priority.
    public var normal: UInt64
    /// Waiting jobs of low priority.
    public var low: UInt64
    /// The workers that offer it.
    public var workers: UInt64

    package init(function: String, high: UInt64, normal: UInt64, low: UInt64, workers: UInt64) {
        self.function = function
        self.high = high
        self.normal = normal
        self.low = low
        self.workers = workers
    }
}

/// A connection to a job server. Clients are among them; they offer no function.
public struct GearmanWorkerStatus: Hashable, Sendable {
    /// The server's number for it.
    public var fileDescriptor: Int
    /// Where it comes from, without the port.
    public var address: String
    /// What it calls itself; nil if it did not say.
    public var clientID: String?
    /// What it offers.
    public var functions: [String]

    package init(fileDescriptor: Int, address: String, clientID: String?, functions: [String]) {
        self.fileDescriptor = fileDescriptor
        self.address = address
        self.clientID = clientID
        self.functions = functions
    }
}

/// A job that a job server has.
public struct GearmanJobEntry: Hashable, Sendable {
    /// The server's name for it.
    public var handle: String
    /// How often a worker was lost over it.
    public var retries: UInt64
    /// Nobody waits for it any more; it goes when a worker would take it.
    public var isIgnored: Bool
    /// It stands in the server's persistent queue, or would if the server had one.
    public var isPersistent: Bool

    package init(handle: String, retries: UInt64, isIgnored: Bool, isPersistent: Bool) {
        self.handle = handle
        self.retries = retries
        self.isIgnored = isIgnored
        self.isPersistent = isPersistent
    }
}

// Tolerant: fields that a newer server adds at the end are ignored, and so are lines that are something else.

extension GearmanFunctionStatus {
    package init?(line: String) {
        guard let (function, numbers) = AdminLine.nameAndNumbers(line, count: 3) else { return nil }
        self.init(function: function, total: numbers[0], running: numbers[1], workers: numbers[2])
    }
}

extension GearmanFunctionPriorityStatus {
    package init?(line: String) {
        guard let (function, numbers) = AdminLine.nameAndNumbers(line, count: 4) else { return nil }
        self.init(
            function: function, high: numbers[0], normal: numbers[1], low: numbers[2], workers: numbers[3])
    }
}

extension GearmanJobEntry {
    package init?(line: String) {
        guard let (handle, numbers) = AdminLine.nameAndNumbers(line, count: 3) else { return nil }
        self.init(handle: handle, retries: numbers[0], isIgnored: numbers[1] != 0, isPersistent: numbers[2] != 0)
    }
}

extension GearmanWorkerStatus {
    /// `38 127.0.0.1 my id : f g`. The client's name may contain anything but a line end, and be empty.
    package init?(line: String) {
        let parts = line.split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3, let number = Int(parts[0]) else { return nil }
        let rest = parts[2]
        let name: Substring
        var functions: [String] = []
        if let separator = rest.firstRange(of: " : ") {
            name = rest[..<separator.lowerBound]
            functions = rest[separator.upperBound...].split(separator: " ", omittingEmptySubsequences: false)
                .map(String.init)
        } else if rest.hasSuffix(" :") {
            name = rest.dropLast(2)
        } else {
            return nil
        }
        self.init(
            fileDescriptor: number, address: String(parts[1]), clientID: name == "-" ? nil : String(name),
            functions: functions)
    }
}

/// A line of an answer, taken apart.
enum AdminLine {
    /// A name and numbers, separated by tabs.
    static func nameAndNumbers(_ line: String, count: Int) -> (name: String, numbers: [UInt64])? {
        let fields = line.split(separator: "\t", omittingEmptySubsequences: false)
        guard fields.count > count else { return nil }
        // A name may contain tabs, so the numbers are the last fields if that makes sense, else the ones after the
        // first.
        let last = fields.suffix(count).compactMap { UInt64($0) }
        if last.count == count, fields.count == count + 1 || UInt64(fields[1]) == nil {
            return (fields.dropLast(count).joined(separator: "\t"), last)
        }
        let first = fields.dropFirst().prefix(count).compactMap { UInt64($0) }
        return first.count == count ? (String(fields[0]), first) : nil
    }
}
