import Gearman

/// How answers are compared: as texts, without what differs between two servers that do the same.
extension ComparedServer {
    func texts(_ bytes: [UInt8]) -> [String] {
        var texts: [String] = []
        var rest = bytes[...]
        while let first = rest.first {
            guard first == 0 else {
                let text = rest.prefix { $0 != 0 }
                texts += self.lines(String(decoding: text, as: UTF8.self))
                rest = rest.dropFirst(text.count)
                continue
            }
            var decoder = GearmanPacketDecoder()
            decoder.append(Array(rest))
            guard let packet = try? decoder.next() else { return texts + ["no packet"] }
            texts.append(self.text(packet))
            rest = rest.suffix(decoder.bufferedBytes)
        }
        return texts
    }

    private func text(_ packet: GearmanPacket) -> String {
        var parts = (0..<packet.argumentCount).map { String(decoding: packet.argument($0), as: UTF8.self) }
        if packet.type.definition.hasData { parts.append(String(decoding: packet.data, as: UTF8.self)) }
        switch packet.type {
        // gearmand's stray NUL behind the handle, which is not copied.
        case .workFail: parts[0].removeAll { $0 == "\0" }
        // gearmand keeps 63 bytes of a unique of 64; the NUL in their place is the first one of what follows.
        case .jobAssignUnique where parts[2].utf8.count == 63 && parts[3].utf8.first == 0: parts[3].removeFirst()
        case .jobAssignUnique where parts[2].utf8.count == 64: parts[2].removeLast()
        case .jobCreated: if !self.handles.contains(parts[0]) { self.handles.append(parts[0]) }
        default: break
        }
        return ([packet.type.description] + parts.map(self.known)).joined(separator: " | ")
    }

    private func known(_ word: some StringProtocol) -> String {
        self.handles.firstIndex(of: String(word)).map { "#\($0)" } ?? String(word)
    }

    /// The lines of an answer that concern this session, in any order.
    private func lines(_ text: String) -> [String] {
        text.split(whereSeparator: \.isNewline).compactMap { line in
            if let own = self.ownWords[String(line)] { return own }
            // The first word in the list of workers is the number of a descriptor.
            if line.contains(" :") {
                return line.contains(self.prefix) ? line.split(separator: " ").dropFirst().joined(separator: " ") : nil
            }
            let words = line.split(separator: "\t", omittingEmptySubsequences: false).map(self.known)
            let isWanted = ["OK", "ERR", ".", "#"].contains { words[0].hasPrefix($0) } || line.contains(self.prefix)
            guard isWanted else { return nil }
            // A unique of 64 bytes, of which gearmand keeps 63.
            return words.count == 1 && words[0].hasPrefix(self.prefix)
                ? String(words[0].prefix(63)) : words.joined(separator: " ")
        }.sorted()
    }
}
