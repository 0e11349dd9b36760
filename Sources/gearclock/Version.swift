/// The version of the program, as in CHANGELOG.md.
package let gearclockVersion = "0.1.0"
