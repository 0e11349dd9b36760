package import GearclockCore

/// The answer to a request for several tasks: an object for each, or `{"id", "error"}`.
package struct BulkAnswer {
    private let objects: [JSONObject]

    package init(_ answer: JSONValue) throws {
        guard case .array(let values) = answer else {
            throw CommandFailure(.failed, "The worker daemon's answer is not understood: it is \(answer.kind).")
        }
        self.objects = values.compactMap(\.object)
    }

    /// Shows what was found, and throws if something was not, or if showing it throws.
    package func finish(_ show: (JSONObject) throws -> Void) throws {
        var failures: [CommandFailure] = []
        for object in self.objects {
            if let error = object["error"] {
                var failure = WorkerDaemonError(JSONWriter.stringify(error, .asWritten)).failure
                failure.message = "\(object["id"]?.shown ?? "?"): \(failure.message)"
                failure.report = JSONWriter.stringify(.object(object), .asWritten)
                failures.append(failure)
                continue
            }
            do {
                try show(object)
            } catch let failure as CommandFailure {
                failures.append(failure)
            }
        }
        guard var all = failures.first else { return }
        // The worst of them is what the program ends with: something failed, rather than was not there.
        all.status = failures.map(\.status).min { $0.rawValue < $1.rawValue } ?? all.status
        all.message = failures.map(\.message).joined(separator: "\nError: ")
        all.report = Array(failures.compactMap(\.report).joined(separator: [UInt8(ascii: "\n")]))
        throw all
    }
}
