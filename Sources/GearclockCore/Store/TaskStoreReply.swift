extension TaskStoreError {
    /// A store's answer as a value, as the state machines take it.
    package static func catching<Success>(
        _ call: () async throws(TaskStoreError) -> Success
    ) async -> Result<Success, TaskStoreError> {
        do throws(TaskStoreError) {
            return .success(try await call())
        } catch {
            return .failure(error)
        }
    }
}
