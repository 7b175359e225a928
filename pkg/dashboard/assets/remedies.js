// What to do about a cause, by its kind. The README's "Mending the mapping" has the same with examples.

const policy = "say what becomes of such values, at the column, the entry or the file";

/** @type {Record<string, string>} */
const remedies = {
  values: "Add the value to `values`, or say `otherwise: {to: …}`.",
  date: "Add the format of these dates to the step's formats, behind the others.",
  not_null: "Declare `if_null` for the column, or let the target's column be NULL.",
  waits: "The row comes in by itself when what it needs arrives. If that never will, declare `missing: to_null` or `leave`.",
  missing: "Declare `missing: to_null` or `leave` for the reference.",
  unowned: "Declare `unowned: migrate` or `leave` for the entry.",
  gather: "Put the attribute's name under `leave`, or add a pattern under `keep`.",
  row_too_wide: "Raise `max_row_bytes`.",
  unique: "Users hold the same value under the constraint: change it for all but one of them in the legacy database, or have the mapping make them differ.",
  check: "Change the value in the legacy database, or have the mapping make one that the constraint allows.",
  exclude: "Change one of the rows in the legacy database, or have the mapping make them differ.",
  foreign_key: "The row refers to one that is not there: declare `missing: to_null` or `leave` for the reference.",
  warning: "The legacy server warns as it computes the expression: change the expression.",
  altered: "Something in the target changes what was written: mend the trigger or function, or list the column under `written_by_target`.",
  zero_date: `Zero dates: ${policy} (\`zero_date: to_null\`).`,
  partial_date: `Dates without a day or month: ${policy} (\`partial_date: first\` or \`to_null\`).`,
  nul_byte: `Text with a NUL byte: ${policy} (\`nul_byte: strip\`).`,
  bad_text: `Bytes that are no text: ${policy} (\`bad_text: cp1252\` or \`strip\`).`,
  out_of_range: `Values that the target's type does not hold: ${policy} (\`out_of_range: clamp\` or \`to_null\`).`,
  too_long: `Texts that are too long: ${policy} (\`too_long: truncate\`).`,
  json_nul: `JSON with \\u0000: ${policy} (\`json_nul: strip\`).`,
};

/** @param {string} cause KIND:TABLE.COLUMN */
export const kindOf = (cause) => cause.split(":")[0];

/** @param {string} cause */
export const remedyOf = (cause) => remedies[kindOf(cause)] || "Give it an outcome in the mapping. `aggregator explain` tells what was met, for one user.";
