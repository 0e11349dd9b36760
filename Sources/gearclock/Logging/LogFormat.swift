/// How a log line looks.
package enum LogFormat: String, CaseIterable, Sendable {
    /// For people: `2026-03-04T05:06:07.000000Z info gearclock.worker: Taking tasks in server=127.0.0.1:4730`.
    case text
    /// For machines: one JSON object with the keys `time`, `level`, `label`, `message` and `metadata`.
    case json
}
