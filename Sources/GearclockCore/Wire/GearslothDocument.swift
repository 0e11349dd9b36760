/// What gearsloth's daemons send each other about a task.
package enum GearslothDocument {
    /// What a custom controller receives: the submitted object with `id`, `controller` and `at`, as gearsloth's runner
    /// would send it. `runner_retry_count` is what is left of it.
    package static func task(_ claimed: ClaimedTask) -> [UInt8] {
        let definition = claimed.definition
        // A document was checked when it was submitted; a row that was tampered with is still handed out.
        let parsed = try? JSONParser.parse(definition.gearsloth?.document ?? [], loneSurrogates: .replace)
        var object = parsed?.object ?? Self.fields(of: definition)
        object["id"] = .text(claimed.id.description)
        object["controller"] = .string(definition.gearsloth?.controller?.bytes ?? Self.defaultController)
        object["at"] = .text(definition.dueAt.javaScriptISOString)
        if let count = object["runner_retry_count"]?.double, count.isFinite {
            object["runner_retry_count"] = .number(count - Double(claimed.failures))
        }
        return JSONWriter.stringify(.object(object))
    }

    /// The task that `delayedJobDone` is about: an object with our `id`, and whatever else.
    package static func ejectedID(_ bytes: [UInt8]) -> Result<TaskID, TaskError> {
        guard bytes.count <= Limits.submissionBytes else {
            return .failure(TaskError(.tooLarge, "A request has at most \(Limits.submissionBytes) bytes"))
        }
        do {
            guard let object = try JSONParser.parse(bytes, loneSurrogates: .replace).object else {
                return .failure(TaskError(.notAnObject, "delayedJobDone takes a JSON object with the id of the task"))
            }
            guard let value = object["id"] else {
                return .failure(TaskError(.missingField, "delayedJobDone needs the id of the task", field: "id"))
            }
            guard let text = value.stringBytes, let id = TaskID(String(decoding: text, as: UTF8.self)) else {
                return .failure(TaskError(.invalidValue, "id is not the id of a task", field: "id"))
            }
            return .success(id)
        } catch {
            return .failure(TaskError(error))
        }
    }

    private static let defaultController = GearslothTask.defaultController?.bytes ?? []

    private static func fields(of definition: TaskDefinition) -> JSONObject {
        var object = JSONObject()
        if definition.function.bytes.firstInvalidUTF8 == nil {
            object["func_name"] = .string(definition.function.bytes)
        } else {
            object["func_name_base64"] = .text(Base64.encode(definition.function.bytes))
        }
        if definition.payload.firstInvalidUTF8 == nil {
            object["payload"] = .string(definition.payload)
        } else {
            object["payload_base64"] = .text(Base64.encode(definition.payload))
        }
        return object
    }
}
