/// The Gearman functions of a worker daemon.
package enum IntakeFunction: String, CaseIterable, Sendable {
    /// Takes a task, or an array of them, in the native form.
    case submit = "gearclock_submit"
    /// Takes a task in gearsloth's form; the answer is its id.
    case submitJobDelayed
    /// Ends a task on the word of a custom controller, as gearsloth's ejector does.
    case delayedJobDone
    /// Answers what is known of tasks.
    case get = "gearclock_get"
    /// Lists tasks.
    case list = "gearclock_list"
    /// Cancels tasks.
    case cancel = "gearclock_cancel"
    /// Counts tasks.
    case stats = "gearclock_stats"
    /// Starts no task of functions until they are resumed.
    case pause = "gearclock_pause"
    /// Starts tasks of functions again.
    case resume = "gearclock_resume"
    /// Sets the limits of a function, or answers those of all.
    case limits = "gearclock_limits"
}
