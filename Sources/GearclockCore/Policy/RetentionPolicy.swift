/// How long tasks in a final state stay in the store.
package struct RetentionPolicy: Equatable, Sendable {
    /// For `discarded`, `cancelled` and `expired` tasks. Default seven days: long enough for somebody to look.
    package var failed: Duration
    /// For `completed` tasks whose id the client chose, so that a repeated submission finds them. Default one hour.
    package var completedWithClientID: Duration

    package init(failed: Duration = .seconds(7 * 86_400), completedWithClientID: Duration = .seconds(3600)) {
        self.failed = failed
        self.completedWithClientID = completedWithClientID
    }
}
