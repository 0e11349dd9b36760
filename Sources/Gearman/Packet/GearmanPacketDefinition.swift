/// What a type of packet consists of: a line of the protocol's table.
package struct GearmanPacketDefinition: Sendable {
    package let type: GearmanPacketType
    /// How many arguments there are. Each ends with a NUL, but the last one of a packet without data ends with the
    /// packet.
    package let argumentCount: Int
    /// Whether data of any length and content follows the arguments.
    package let hasData: Bool

    /// It says what gearmand does where that is not what the protocol's text says: the SUBMIT_REDUCE_JOB packets have a
    /// fourth argument (the aggregator). A `switch`, because an array of the module would be asked at each look whether
    /// it is made yet.
    @inline(__always)
    init(_ type: GearmanPacketType) {
        self.type = type
        (self.argumentCount, self.hasData) =
            switch type {
            case .resetAbilities, .preSleep, .unused, .noop, .grabJob, .noJob, .allYours, .grabJobUnique,
                .grabJobAll:
                (0, false)
            case .canDo, .cantDo, .jobCreated, .workFail, .getStatus, .setClientID, .optionRequest, .optionResponse,
                .getStatusUnique:
                (1, false)
            case .error, .canDoTimeout: (2, false)
            case .workStatus: (3, false)
            case .statusResponse: (5, false)
            case .statusResponseUnique: (6, false)
            case .echoRequest, .echoResponse: (0, true)
            case .workComplete, .workException, .workData, .workWarning: (1, true)
            case .submitJob, .jobAssign, .submitJobBackground, .submitJobHigh, .submitJobHighBackground,
                .submitJobLow, .submitJobLowBackground:
                (2, true)
            case .jobAssignUnique, .submitJobEpoch: (3, true)
            case .submitReduceJob, .submitReduceJobBackground, .jobAssignAll: (4, true)
            case .submitJobSchedule: (7, true)
            }
    }
}
