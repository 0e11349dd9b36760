extension Result where Failure == TaskStoreError {
    /// A store's answer as a value, as the state machines take it.
    package init(of call: () async throws(TaskStoreError) -> Success) async {
        do throws(TaskStoreError) {
            self = .success(try await call())
        } catch {
            self = .failure(error)
        }
    }
}
