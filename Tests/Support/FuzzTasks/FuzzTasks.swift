// The entry of libFuzzer for everything that reads bytes of a client or of another daemon. It is compiled with
// `-sanitize=fuzzer -parse-as-library`, against the module GearclockCore or together with its sources.

#if canImport(GearclockCore)
    import GearclockCore
#endif

/// Nothing may trap, and what was accepted must survive the way through the hand-over.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzTasks(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
    let bytes = [UInt8](UnsafeBufferPointer(start: data, count: data == nil ? 0 : size))
    var random = SeededGenerator(seed: 1)
    let context = SubmissionContext(now: Timestamp(microseconds: 1_787_306_400_000_000))
    var accepted: [TaskDefinition] = []

    let submission = SubmissionParser.native(bytes, context: context, using: &random)
    accepted += submission.tasks.compactMap { try? $0.get().definition }
    switch SubmissionParser.gearsloth(bytes, context: context, using: &random) {
    case .success(let task): accepted.append(task)
    case .failure: break
    }
    for task in accepted.prefix(Limits.handOverBatch) { check(task) }

    if let value = try? JSONParser.parse(bytes) {
        let text = JSONWriter.stringify(value)
        guard let again = try? JSONParser.parse(text), JSONWriter.stringify(again) == text else {
            preconditionFailure("JSON does not survive a second reading")
        }
    }
    _ = IDRequest.parse(bytes)
    _ = ListFilter.parse(bytes)
    _ = SettingsRequest.pausing(bytes, true)
    _ = SettingsRequest.limits(bytes)
    _ = GearslothDocument.ejectedID(bytes)
    if let tasks = try? HandOverCodec.decodeTasks(bytes) {
        guard (try? HandOverCodec.decodeTasks(HandOverCodec.encode(tasks))) == tasks else {
            preconditionFailure("A hand-over does not survive a second reading")
        }
    }
    _ = try? HandOverCodec.decodeAnswers(bytes)
    return 0
}

private func check(_ task: TaskDefinition) {
    let claimed = ClaimedTask(
        definition: task, claim: Claim(id: task.id, owner: OwnerID(value: 1), attempt: 1), failures: 0,
        leaseUntil: task.dueAt)
    guard (try? HandOverCodec.decodeTasks(HandOverCodec.encode([claimed]))) == [claimed] else {
        preconditionFailure("A task does not survive the hand-over")
    }
    _ = GearslothDocument.task(claimed)
    _ = TaskAnswers.record(.init(TaskRecord(task), store: "main"))
}
