/** A test reporter that writes one JSON line for every skipped or unfinished test: its title, file and reason. */
export default async function* report(source) {
  for await (const { type, data } of source) {
    if (type !== 'test:pass' && type !== 'test:fail') continue;
    const mark = data.skip ?? data.todo;
    if (mark === undefined || mark === false) continue;
    const reason = typeof mark === 'string' ? mark : '';
    yield `${JSON.stringify({ title: data.name, file: data.file, reason })}\n`;
  }
}
