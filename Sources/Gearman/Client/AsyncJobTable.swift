internal import Foundation

/// The jobs that somebody waits for in the async form.
struct AsyncJobTable {
    /// The numbers from here on belong to the async form.
    static let firstID: UInt64 = 0xffff_0000_0000_0000

    /// What somebody waits for.
    enum Waiter: Sendable {
        case handle(CheckedContinuation<GearmanJobHandle, any Error>, isBackground: Bool)
        case result(CheckedContinuation<[UInt8], any Error>)
    }

    private enum Entry {
        /// Somebody waits for the handle.
        case submitting(CheckedContinuation<GearmanJobHandle, any Error>, isBackground: Bool)
        /// Somebody waits for the result; what came so far.
        case performing(CheckedContinuation<[UInt8], any Error>, data: [UInt8], warnings: [[UInt8]])
        /// The events go into a ``GearmanJob``.
        case running(JobEventBuffer)
    }

    private var entries: [UInt64: Entry] = [:]

    var isEmpty: Bool { self.entries.isEmpty }

    mutating func add(_ waiter: Waiter, id: UInt64) {
        self.entries[id] =
            switch waiter {
            case .handle(let continuation, let isBackground): .submitting(continuation, isBackground: isBackground)
            case .result(let continuation): .performing(continuation, data: [], warnings: [])
            }
    }

    /// The server that holds a running job.
    func server(of id: UInt64) -> GearmanServerAddress? {
        guard case .running(let buffer)? = self.entries[id] else { return nil }
        return buffer.handle.server
    }

    /// - Returns: whether the job has more events than it should have before they are read.
    mutating func happened(_ update: GearmanJobUpdate, limits: GearmanClientConfiguration) -> Bool {
        guard let place = self.entries.index(forKey: update.id) else { return false }
        switch self.entries.values[place] {
        case .submitting(let continuation, let isBackground):
            self.submissionHappened(update, continuation, isBackground: isBackground)
            return false
        case .performing where !update.event.bringsResult:
            return false
        case .performing:
            // Taken out while it changes, so that the arrays are not copied.
            guard case .performing(let continuation, var data, var warnings) = self.entries.remove(at: place).value
            else { return false }
            if let result = Self.result(of: update.event, &data, &warnings, limits: limits.limits) {
                continuation.resume(with: result)
            } else {
                self.entries[update.id] = .performing(continuation, data: data, warnings: warnings)
            }
            return false
        case .running(let buffer):
            buffer.append(update.event)
            return buffer.count >= limits.bufferedEvents || buffer.sizeBytes > limits.limits.payloadSizeBytes
        }
    }

    private mutating func submissionHappened(
        _ update: GearmanJobUpdate, _ continuation: CheckedContinuation<GearmanJobHandle, any Error>, isBackground: Bool
    ) {
        switch update.event {
        case .created(let handle):
            self.entries[update.id] = isBackground ? nil : .running(JobEventBuffer(handle: handle))
            continuation.resume(returning: handle)
        case .lost(let error), .refused(let error):
            self.entries[update.id] = nil
            continuation.resume(throwing: error)
        case .data, .warning, .status, .complete, .fail, .exception:
            break  // JOB_CREATED precedes them, or the machine would have closed the connection
        }
    }

    /// The result of a job that is waited for, when it has ended.
    private static func result(
        of event: GearmanJobEvent, _ data: inout [UInt8], _ warnings: inout [[UInt8]], limits: GearmanLimits
    ) -> Result<[UInt8], any Error>? {
        switch event {
        case .created, .status:
            return nil
        case .data(let part):
            data += part
            guard data.count > limits.payloadSizeBytes else { return nil }
            return .failure(GearmanError(.jobFailed, "The result is larger than the limit", warnings: warnings))
        case .warning(let text):
            let size = warnings.reduce(text.count) { $0 + $1.count }
            if warnings.count < 1_024, size <= limits.payloadSizeBytes { warnings.append(text) }
            return nil
        case .complete(let rest):
            return .success(data.isEmpty ? rest : data + rest)
        case .fail:
            return .failure(GearmanError(.jobFailed, "The worker reported that the job failed", warnings: warnings))
        case .exception(let text):
            return .failure(
                GearmanError(
                    .jobException, "The worker reported an exception", payload: text, warnings: warnings))
        case .lost(let error), .refused(let error):
            return .failure(error)
        }
    }

    /// The next event of a running job goes to `continuation`, at once if it is there.
    mutating func read(_ id: UInt64, _ continuation: CheckedContinuation<GearmanJobEvent?, Never>) {
        guard case .running(let buffer)? = self.entries[id] else { return continuation.resume(returning: nil) }
        buffer.read(continuation)
        if buffer.isOver { self.entries[id] = nil }
    }

    /// So little waits to be read of a running job that more may come.
    func hasRoom(for id: UInt64, limits: GearmanClientConfiguration) -> Bool {
        guard case .running(let buffer)? = self.entries[id] else { return true }
        return buffer.count <= limits.bufferedEvents / 2 && buffer.sizeBytes <= limits.limits.payloadSizeBytes / 2
    }

    /// Whoever waits for the next event of the job was cancelled.
    func cancelRead(_ id: UInt64) {
        guard case .running(let buffer)? = self.entries[id] else { return }
        buffer.cancelRead()
    }

    /// Nobody waits any more.
    ///
    /// - Returns: whether the job was still under way.
    mutating func remove(_ id: UInt64) -> Bool {
        switch self.entries.removeValue(forKey: id) {
        case nil:
            return false
        case .submitting(let continuation, _):
            continuation.resume(throwing: CancellationError())
            return true
        case .performing(let continuation, _, _):
            continuation.resume(throwing: CancellationError())
            return true
        case .running(let buffer):
            buffer.cancelRead()
            return !buffer.hasEnded
        }
    }
}

/// The events of one job between the server and the reader.
final class JobEventBuffer {
    let handle: GearmanJobHandle
    private(set) var hasEnded = false
    /// What the events that wait to be read carry.
    private(set) var sizeBytes = 0
    private var events: [GearmanJobEvent] = []
    private var start = 0
    private var reader: CheckedContinuation<GearmanJobEvent?, Never>?

    init(handle: GearmanJobHandle) {
        self.handle = handle
        self.events = [.created(handle)]
    }

    var count: Int { self.events.count - self.start }
    /// Everything was read, and nothing follows.
    var isOver: Bool { self.hasEnded && self.count == 0 }

    func append(_ event: GearmanJobEvent) {
        self.hasEnded = event.isFinal
        if let reader = self.reader {
            self.reader = nil
            reader.resume(returning: event)
        } else {
            self.events.append(event)
            self.sizeBytes += event.sizeBytes
        }
    }

    func read(_ continuation: CheckedContinuation<GearmanJobEvent?, Never>) {
        // One reader at a time: an earlier one has lost its place.
        self.cancelRead()
        if self.count > 0 {
            let event = self.events[self.start]
            // What it carries goes with it, not with its place.
            self.events[self.start] = .fail
            self.start += 1
            self.sizeBytes -= event.sizeBytes
            if self.start > 64, self.start * 2 > self.events.count {
                self.events.removeFirst(self.start)
                self.start = 0
            }
            continuation.resume(returning: event)
        } else if self.hasEnded {
            continuation.resume(returning: nil)
        } else {
            self.reader = continuation
        }
    }

    func cancelRead() {
        self.reader?.resume(returning: nil)
        self.reader = nil
    }
}

extension GearmanJobEvent {
    /// It is a part of the result, or ends the job.
    fileprivate var bringsResult: Bool {
        switch self {
        case .created, .status: false
        case .data, .warning, .complete, .fail, .exception, .lost, .refused: true
        }
    }

    /// How many bytes it carries.
    fileprivate var sizeBytes: Int {
        switch self {
        case .data(let bytes), .warning(let bytes), .complete(let bytes), .exception(let bytes): bytes.count
        case .created, .status, .fail, .lost, .refused: 0
        }
    }
}
