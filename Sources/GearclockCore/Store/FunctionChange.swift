/// Which settings of a function change.
package struct FunctionChange: Equatable, Sendable {
    package enum Limit: Equatable, Sendable {
        case asItIs
        case removed
        case set(UInt32)

        fileprivate func applied(to present: UInt32?) -> UInt32? {
            switch self {
            case .asItIs: present
            case .removed: nil
            case .set(let value): value
            }
        }
    }

    /// `nil`: as it is.
    package var isPaused: Bool?
    package var inFlight: Limit
    package var perThousandSeconds: Limit
    package var queueWatermark: Limit

    package init(
        isPaused: Bool? = nil, inFlight: Limit = .asItIs, perThousandSeconds: Limit = .asItIs,
        queueWatermark: Limit = .asItIs
    ) {
        self.isPaused = isPaused
        self.inFlight = inFlight
        self.perThousandSeconds = perThousandSeconds
        self.queueWatermark = queueWatermark
    }

    /// - Parameter present: all settings of one store.
    /// - Returns: what is wanted of these functions then, in their order.
    package func applied(to functions: [FunctionName], in present: [FunctionSettings]) -> [FunctionSettings] {
        let known = Dictionary(present.map { ($0.function, $0) }) { $1 }
        return functions.map { self.applied(to: known[$0] ?? FunctionSettings(function: $0)) }
    }

    private func applied(to present: FunctionSettings) -> FunctionSettings {
        FunctionSettings(
            function: present.function, isPaused: self.isPaused ?? present.isPaused,
            inFlight: self.inFlight.applied(to: present.inFlight),
            perThousandSeconds: self.perThousandSeconds.applied(to: present.perThousandSeconds),
            queueWatermark: self.queueWatermark.applied(to: present.queueWatermark))
    }
}
