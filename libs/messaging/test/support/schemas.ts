import { create, createFileRegistry, type DescMessage } from '@bufbuild/protobuf';
import { FieldDescriptorProto_Label as Label, FieldDescriptorProto_Type as Type, FileDescriptorProtoSchema, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';

/** `skein.test.Outer { Inner inner = 1; }`, whose inner message has text fields of these names, numbered from 1: one release of it. */
export function releaseOf(...names: readonly string[]): DescMessage {
  const inner = { name: 'Inner', field: names.map((name, at) => ({ name, number: at + 1, type: Type.STRING, label: Label.OPTIONAL })) };
  const outer = { name: 'Outer', field: [{ name: 'inner', number: 1, type: Type.MESSAGE, typeName: '.skein.test.Inner', label: Label.OPTIONAL }] };
  const file = create(FileDescriptorProtoSchema, { name: 'test.proto', package: 'skein.test', syntax: 'proto3', messageType: [outer, inner] });
  return createFileRegistry(create(FileDescriptorSetSchema, { file: [file] })).getMessage('skein.test.Outer')!;
}
