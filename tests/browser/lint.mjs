// Lints emails with html-validate and caniemail: [{name, html}] on standard input, [{name, tool, found}] on standard output.
import { caniemail } from "caniemail";
import { HtmlValidate } from "html-validate";
import { text } from "node:stream/consumers";

const html = new HtmlValidate({
  extends: ["html-validate:recommended"],
  rules: {
    // Mail programs drop style sheets: every email has its style in its lines.
    "no-inline-style": "off",
    // Outlook for Windows lays out tables by these attributes alone.
    "no-deprecated-attr": "off",
    "attribute-boolean-style": "off",
    // A page in a mail program has no other landmark than its article.
    "prefer-native-element": "off",
    // Outlook for Windows takes its width from them; they are comments to everyone else.
    "no-conditional-comment": "off",
  },
});

const found = [];
for (const mail of JSON.parse(await text(process.stdin))) {
  const report = await html.validateString(mail.html);
  for (const result of report.results)
    for (const message of result.messages)
      found.push({ name: mail.name, tool: "html-validate", found: `${message.ruleId} line ${message.line}: ${message.message}` });
  const { issues } = caniemail({ clients: ["*"], html: mail.html });
  for (const list of [issues.errors, issues.warnings])
    for (const [client, wrong] of list)
      for (const issue of wrong) found.push({ name: mail.name, tool: "caniemail", found: issue.title, client, notes: issue.notes ?? [] });
}
process.stdout.write(JSON.stringify(found));
