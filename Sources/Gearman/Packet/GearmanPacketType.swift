/// The packets of the Gearman protocol, by the number that stands in the header.
///
/// What each of them consists of stands in ``GearmanPacketDefinition``.
@usableFromInline package enum GearmanPacketType: UInt32, CaseIterable, Sendable {
    /// CAN_DO
    case canDo = 1
    /// CANT_DO
    case cantDo = 2
    /// RESET_ABILITIES
    case resetAbilities = 3
    /// PRE_SLEEP
    case preSleep = 4
    /// Number 5 is given to no packet, but gearmand knows it.
    case unused = 5
    /// NOOP
    case noop = 6
    /// SUBMIT_JOB
    case submitJob = 7
    /// JOB_CREATED
    case jobCreated = 8
    /// GRAB_JOB
    case grabJob = 9
    /// NO_JOB
    case noJob = 10
    /// JOB_ASSIGN
    case jobAssign = 11
    /// WORK_STATUS
    case workStatus = 12
    /// WORK_COMPLETE
    case workComplete = 13
    /// WORK_FAIL
    case workFail = 14
    /// GET_STATUS
    case getStatus = 15
    /// ECHO_REQ
    case echoRequest = 16
    /// ECHO_RES
    case echoResponse = 17
    /// SUBMIT_JOB_BG
    case submitJobBackground = 18
    /// ERROR
    case error = 19
    /// STATUS_RES
    case statusResponse = 20
    /// SUBMIT_JOB_HIGH
    case submitJobHigh = 21
    /// SET_CLIENT_ID
    case setClientID = 22
    /// CAN_DO_TIMEOUT
    case canDoTimeout = 23
    /// ALL_YOURS
    case allYours = 24
    /// WORK_EXCEPTION
    case workException = 25
    /// OPTION_REQ
    case optionRequest = 26
    /// OPTION_RES
    case optionResponse = 27
    /// WORK_DATA
    case workData = 28
    /// WORK_WARNING
    case workWarning = 29
    /// GRAB_JOB_UNIQ
    case grabJobUnique = 30
    /// JOB_ASSIGN_UNIQ
    case jobAssignUnique = 31
    /// SUBMIT_JOB_HIGH_BG
    case submitJobHighBackground = 32
    /// SUBMIT_JOB_LOW
    case submitJobLow = 33
    /// SUBMIT_JOB_LOW_BG
    case submitJobLowBackground = 34
    /// SUBMIT_JOB_SCHED
    case submitJobSchedule = 35
    /// SUBMIT_JOB_EPOCH
    case submitJobEpoch = 36
    /// SUBMIT_REDUCE_JOB
    case submitReduceJob = 37
    /// SUBMIT_REDUCE_JOB_BACKGROUND
    case submitReduceJobBackground = 38
    /// GRAB_JOB_ALL
    case grabJobAll = 39
    /// JOB_ASSIGN_ALL
    case jobAssignAll = 40
    /// GET_STATUS_UNIQUE
    case getStatusUnique = 41
    /// STATUS_RES_UNIQUE
    case statusResponseUnique = 42

    /// What the packet consists of.
    package var definition: GearmanPacketDefinition {
        @inline(__always) get { GearmanPacketDefinition(self) }
    }
}

extension GearmanPacketType: CustomStringConvertible {
    /// The protocol's name, for example `SUBMIT_JOB_BG`.
    @usableFromInline package var description: String {
        switch self {
        case .canDo: "CAN_DO"
        case .cantDo: "CANT_DO"
        case .resetAbilities: "RESET_ABILITIES"
        case .preSleep: "PRE_SLEEP"
        case .unused: "UNUSED"
        case .noop: "NOOP"
        case .submitJob: "SUBMIT_JOB"
        case .jobCreated: "JOB_CREATED"
        case .grabJob: "GRAB_JOB"
        case .noJob: "NO_JOB"
        case .jobAssign: "JOB_ASSIGN"
        case .workStatus: "WORK_STATUS"
        case .workComplete: "WORK_COMPLETE"
        case .workFail: "WORK_FAIL"
        case .getStatus: "GET_STATUS"
        case .echoRequest: "ECHO_REQ"
        case .echoResponse: "ECHO_RES"
        case .submitJobBackground: "SUBMIT_JOB_BG"
        case .error: "ERROR"
        case .statusResponse: "STATUS_RES"
        case .submitJobHigh: "SUBMIT_JOB_HIGH"
        case .setClientID: "SET_CLIENT_ID"
        case .canDoTimeout: "CAN_DO_TIMEOUT"
        case .allYours: "ALL_YOURS"
        case .workException: "WORK_EXCEPTION"
        case .optionRequest: "OPTION_REQ"
        case .optionResponse: "OPTION_RES"
        case .workData: "WORK_DATA"
        case .workWarning: "WORK_WARNING"
        case .grabJobUnique: "GRAB_JOB_UNIQ"
        case .jobAssignUnique: "JOB_ASSIGN_UNIQ"
        case .submitJobHighBackground: "SUBMIT_JOB_HIGH_BG"
        case .submitJobLow: "SUBMIT_JOB_LOW"
        case .submitJobLowBackground: "SUBMIT_JOB_LOW_BG"
        case .submitJobSchedule: "SUBMIT_JOB_SCHED"
        case .submitJobEpoch: "SUBMIT_JOB_EPOCH"
        case .submitReduceJob: "SUBMIT_REDUCE_JOB"
        case .submitReduceJobBackground: "SUBMIT_REDUCE_JOB_BACKGROUND"
        case .grabJobAll: "GRAB_JOB_ALL"
        case .jobAssignAll: "JOB_ASSIGN_ALL"
        case .getStatusUnique: "GET_STATUS_UNIQUE"
        case .statusResponseUnique: "STATUS_RES_UNIQUE"
        }
    }
}
