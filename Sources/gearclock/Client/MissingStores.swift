package import GearclockCore

/// The part of an answer that says which stores did not give theirs: objects with `store` and `error`.
package enum MissingStores {
    /// Fails if there is any. What the others said is shown before, because it is true.
    ///
    /// - Throws: ``CommandFailure``, `failed`, with all of them.
    package static func check(_ entries: JSONValue?) throws {
        guard case .array(let values)? = entries else { return }
        let missing = values.compactMap(\.object).filter { $0["error"] != nil }
        guard !missing.isEmpty else { return }
        let messages = missing.map { entry in
            let failure = WorkerDaemonError(JSONWriter.stringify(entry["error"] ?? .null, .asWritten)).failure
            return "\(entry["store"]?.shown ?? "?"): \(failure.message)"
        }
        let reports = missing.map { JSONWriter.stringify(.object($0), .asWritten) }
        throw CommandFailure(
            .failed, messages.joined(separator: "\nError: "), report: Array(reports.joined(separator: "\n".utf8)))
    }
}
