/** A path template of google.api.http, ready to match. */
export interface PathTemplate {
  readonly pattern: RegExp;
  /** Field path of each capture group, in order. */
  readonly fields: readonly string[];
  /** The template in OpenAPI's form with its parameters in order: `/arena/v1/tasks/{task}:approve`. */
  readonly openApiPath: string;
  readonly parameters: readonly PathParameter[];
}

/** One `*` of a template: its name in the documentation and the field it is part of. */
export interface PathParameter {
  readonly name: string;
  readonly field: string;
}

/** Colons may be part of a name (CAIP-10 wallets); templates with a custom verb are tried first. */
const SEGMENT = '[^/]+';
const escapeRegExp = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
const singular = (collection: string): string => collection.replace(/ies$/, 'y').replace(/s$/, '').replaceAll('-', '_');

class Builder {
  readonly #fields: string[] = [];
  readonly #parameters: PathParameter[] = [];

  /** Inner template of a variable: literals, `*` (one segment), `**` (the rest). */
  #inner(field: string, template: string): { pattern: string; path: string } {
    const parts = template.split('/');
    const pattern = parts.map((part) => (part === '**' ? '.+' : part === '*' ? SEGMENT : escapeRegExp(part))).join('/');
    const path = parts.map((part, index) => (part.startsWith('*') ? `{${this.#parameter(field, parts[index - 1])}}` : part)).join('/');
    return { pattern, path };
  }

  #parameter(field: string, collection: string | undefined): string {
    const wanted = collection === undefined || collection.startsWith('*') ? field.replaceAll('.', '_') : singular(collection);
    const taken = this.#parameters.filter(({ name }) => name === wanted || name.startsWith(`${wanted}_`)).length;
    const name = taken === 0 ? wanted : `${wanted}_${taken + 1}`;
    this.#parameters.push({ name, field });
    return name;
  }

  build(template: string): PathTemplate {
    let pattern = '';
    let openApiPath = '';
    for (const piece of template.split(/(\{[^}]+\})/)) {
      const variable = /^\{([^=}]+)(?:=([^}]+))?\}$/.exec(piece);
      if (variable === null) {
        pattern += escapeRegExp(piece);
        openApiPath += piece;
        continue;
      }
      const field = variable[1] ?? '';
      const inner = this.#inner(field, variable[2] ?? '*');
      this.#fields.push(field);
      pattern += `(${inner.pattern})`;
      openApiPath += inner.path;
    }
    return { pattern: new RegExp(`^${pattern}$`), fields: this.#fields, openApiPath, parameters: this.#parameters };
  }
}

/** Parses `/arena/v1/{name=tasks/*}:approve`, `/…/{task.name=tasks/*}`, `/…/{path=**}`. */
export const parseTemplate = (template: string): PathTemplate => new Builder().build(template);

/** Values of the template's fields in a path, decoded; undefined when the path does not match. */
export function matchPath(template: PathTemplate, path: string): ReadonlyMap<string, string> | undefined {
  const match = template.pattern.exec(path);
  if (match === null) return undefined;
  try {
    return new Map(template.fields.map((field, index) => [field, decodeURIComponent(match[index + 1] ?? '')]));
  } catch {
    return undefined;
  }
}
