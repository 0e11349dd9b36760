/// The text protocol, for people and monitoring.
extension JobServerStateMachine {
    /// - Parameter line: without the newline.
    mutating func receive(line: [UInt8], from slot: Int) {
        guard let command = TextCommand(line, allowsShutdown: self.configuration.allowsShutdown) else {
            return self.close(slot, isAfterFlush: true)
        }
        let reply = self.reply(to: command)
        guard self.mayAddOutput(to: slot) else { return }
        self.connections[slot].output += reply
        self.count(slot)
    }

    private static let lineEnd: [UInt8] = [0x0d, 0x0a]
    private static let success = Array("OK\r\n".utf8)
    private static let listEnd = Array(".\n".utf8)

    private mutating func reply(to command: TextCommand) -> [UInt8] {
        switch command {
        case .workers: return self.workersList
        case .status: return self.list { "\t\($0.total)\t\($0.running)\t\($0.workers.count)" }
        case .priorityStatus:
            return self.list { function in
                JobPriority.allCases.map { "\t\(function.queued($0))" }.joined() + "\t\(function.workers.count)"
            }
        case .showJobs: return self.jobsList
        case .showUniqueJobs:
            return self.jobs.all.reduce(into: []) { $0 += self.jobs[$1].unique + CollectionOfOne(0x0a) } + Self.listEnd
        case .cancelJob(let handle):
            guard let job = self.job(handle: handle[...]) else { return Array("ERR UNKNOWN_JOB\r\n".utf8) }
            self.cancel(job)
        case .createFunction(let name):
            guard self.functions.index(of: name) != nil || self.createFunction(named: name) != nil else {
                return Array("ERR CREATE_FUNCTION ".utf8) + name + Self.lineEnd
            }
        case .dropFunction(let name): return self.drop(name)
        case .limitQueue(let function, let numbers): self.limitQueue(of: function, numbers)
        case .processID: return Array("OK \(self.processID)\n".utf8)
        case .verbosity: return Array("OK \(self.configuration.verbosity)\n".utf8)
        case .version: return Array("OK \(self.configuration.version)\n".utf8)
        case .shutDown(let isGraceful): self.shutDown(isGraceful: isGraceful)
        case .cancelUnknown: return Array("ERR UNKNOWN_ERROR\r\n".utf8)
        case .showUnknown: return Array("ERR UNKNOWN_SHOW_ARGUMENTS\r\n".utf8)
        case .incomplete(let word):
            let text = "ERR INVALID_ARGUMENTS An+incomplete+set+of+arguments+was+sent+to+this+command+"
            return Array(text.utf8) + word + Self.lineEnd
        case .unknown(let word):
            return Array("ERR UNKNOWN_COMMAND Unknown+server+command".utf8) + word + Self.lineEnd
        }
        return Self.success
    }

    // MARK: Lists

    private var workersList: [UInt8] {
        var text: [UInt8] = []
        for slot in self.connections.indices {
            let connection = self.connections[slot]
            switch connection.state {
            case .open:
                text += Array("\(connection.descriptor) \(connection.host) ".utf8)
                text += connection.clientID
                text += Array(" :".utf8)
                for registration in connection.registrations.reversed() {
                    text += [0x20] + self.functions[registration.function].shownName
                }
                text.append(0x0a)
            case .closing, .closed: break
            }
        }
        return text + Self.listEnd
    }

    private func list(_ columns: (ServedFunction) -> String) -> [UInt8] {
        self.functions.all.reduce(into: []) { text, index in
            text += self.functions[index].shownName + Array(columns(self.functions[index]).utf8) + [0x0a]
        } + Self.listEnd
    }

    private var jobsList: [UInt8] {
        self.jobs.all.reduce(into: []) { text, place in
            let job = self.jobs[place]
            let isIgnored = self.isUnwanted(place)
            text += self.handlePrefix + Array("\(job.number)".utf8)
            text += Array("\t\(job.retries)\t\(isIgnored ? 1 : 0)\t".utf8)
            text += Array("\(job.isBackground && !isIgnored ? 1 : 0)\n".utf8)
        } + Self.listEnd
    }

    // MARK: Changes

    private mutating func drop(_ name: [UInt8]) -> [UInt8] {
        let name = name.lowercaseASCII
        guard let index = self.functions.all.first(where: { self.functions[$0].name.lowercaseASCII == name }) else {
            return Array("ERR function not found\r\n".utf8)
        }
        guard self.functions[index].workers.isEmpty, self.functions[index].running == 0 else {
            return Array("ERR there are still connected workers or executing clients\r\n".utf8)
        }
        // gearmand leaves its jobs where nobody finds them; here those who wait are told.
        for job in self.jobs.all where self.jobs[job].function == index {
            self.fail(job)
            self.remove(job)
        }
        self.functions.remove(index)
        return Self.success
    }

    private mutating func limitQueue(of name: [UInt8], _ numbers: [UInt32]) {
        guard let function = self.functions.index(of: name) else { return }
        for (index, priority) in JobPriority.allCases.enumerated() {
            // One number is for all priorities; of several, those that are missing are 0.
            let number = numbers.count == 1 ? numbers[0] : numbers.dropFirst(index).first
            self.functions[function].queueLimits[priority] = number ?? 0
        }
    }
}
