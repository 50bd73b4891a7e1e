// The repository's own text: what a reader may count on in every file. Prints each breach as file:line rule.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { root } from './bootstrap.mjs';

const generated = /(^|\/)(gen|dist)\/|package-lock\.json$/;
const text = /\.(ts|mjs|js|sol|proto|sql|md|json|yaml|yml)$|^\.ci\/run$/;
// Each word is spelled so that this file does not break its own rule.
const words = ['TO' + 'DO', 'FIX' + 'ME', 'XX' + 'X', 'not imple' + 'mented', '@ts-' + 'ignore', '@ts-' + 'nocheck', 'eslint-' + 'disable', 'it.' + 'only(', 'test.' + 'only('];
const machine = new RegExp(['/wo' + 'rk/', '/ro' + 'ot/', '/ho' + 'me/[a-z]'].join('|'));
const kebab = /^[a-z0-9_.-]+$/;
const plain = new Set(['README.md', 'CONTRIBUTING.md', 'LICENSE', 'CHANGELOG.md', 'Dockerfile']);

const files = execFileSync('git', ['ls-files', '-z'], { cwd: root, encoding: 'utf8' }).split('\0').filter((file) => file && existsSync(join(root, file)));
const breaches = [];
for (const file of files.filter((name) => text.test(name) && !generated.test(name))) {
  const name = basename(file);
  if (!kebab.test(name) && !plain.has(name) && !file.endsWith('.sol')) breaches.push(`${file}:1 file names are kebab-case`);
  const lines = readFileSync(join(root, file), 'utf8').split('\n');
  if (/\.(ts|mjs|sol)$/.test(file) && lines.length > 401) breaches.push(`${file}:401 files have at most 400 lines`);
  lines.forEach((line, index) => {
    for (const word of words) if (line.includes(word)) breaches.push(`${file}:${index + 1} the text "${word}" marks unfinished or switched-off work`);
    if (machine.test(line)) breaches.push(`${file}:${index + 1} a path of one machine`);
    if (/\s+$/.test(line) && !file.endsWith('.md')) breaches.push(`${file}:${index + 1} trailing space`);
  });
}
if (breaches.length > 0) process.stdout.write(`${breaches.join('\n')}\n`);
process.stdout.write(`tidy: ${files.length} files, ${breaches.length} breaches\n`);
process.exit(breaches.length === 0 ? 0 : 1);
