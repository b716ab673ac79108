import java.util.HashSet;
import java.util.Set;
import java.util.TreeSet;

import org.objectweb.asm.Opcodes;
import org.objectweb.asm.tree.AbstractInsnNode;
import org.objectweb.asm.tree.FieldInsnNode;
import org.objectweb.asm.tree.MethodInsnNode;
import org.objectweb.asm.tree.TypeInsnNode;
import org.objectweb.asm.tree.VarInsnNode;
import org.objectweb.asm.tree.analysis.Analyzer;
import org.objectweb.asm.tree.analysis.AnalyzerException;
import org.objectweb.asm.tree.analysis.Frame;
import org.objectweb.asm.tree.analysis.SourceInterpreter;
import org.objectweb.asm.tree.analysis.SourceValue;

/**
 * What a method really returns, read from its byte code: the values that can reach its return instructions, through calls, overrides
 * and all implementations of an interface.
 */
final class Returned {

    private final Jars jars;

    Returned(Jars jars) {
        this.jars = jars;
    }

    /** The concrete classes that `code` can return when `receiver` is the class of `this`. */
    Set<String> classes(Code code, String receiver) {
        Set<String> targets = new TreeSet<>();
        returned(code, receiver, targets, new HashSet<>());
        targets.removeIf(name -> !jars.index.containsKey(name) || jars.isInterfaceOrAbstract(name));
        return targets;
    }

    /** Adds the classes of the values that can reach a return instruction of `code` when `receiver` is the class of `this`. */
    private void returned(Code code, String receiver, Set<String> targets, Set<String> seen) {
        if (code == null || !seen.add(receiver + " " + code.key())) {
            return;
        }
        Frame<SourceValue>[] frames = analyze(code);
        for (int at = 0; at < frames.length; at++) {
            AbstractInsnNode instruction = code.method().instructions.get(at);
            if (instruction.getOpcode() == Opcodes.ARETURN && frames[at] != null) {
                Frame<SourceValue> frame = frames[at];
                origins(frame.getStack(frame.getStackSize() - 1), code, frames, receiver, targets, seen);
            }
        }
    }

    private void origins(SourceValue value, Code code, Frame<SourceValue>[] frames, String receiver, Set<String> targets, Set<String> seen) {
        for (AbstractInsnNode origin : value.insns) {
            if (origin instanceof TypeInsnNode made && origin.getOpcode() == Opcodes.NEW) {
                targets.add(made.desc);
            } else if (origin instanceof MethodInsnNode call) {
                called(call, code, frames, receiver, targets, seen);
            } else if (origin instanceof FieldInsnNode field) {
                addObjectType(org.objectweb.asm.Type.getType(field.desc), targets);
            } else if (origin instanceof VarInsnNode variable && variable.var == 0) {
                targets.add(receiver);
            }
        }
    }

    private void called(MethodInsnNode call, Code code, Frame<SourceValue>[] frames, String receiver, Set<String> targets, Set<String> seen) {
        Set<String> before = new TreeSet<>(targets);
        for (String owner : ownersOf(call, code, frames, receiver)) {
            returned(jars.find(owner, call.name, call.desc), owner, targets, seen);
        }
        if (targets.equals(before)) {
            addObjectType(org.objectweb.asm.Type.getReturnType(call.desc), targets);
        }
    }

    /** The classes whose method a call can reach: that of `this`, that of a fresh object, else the declared one and all below it. */
    private Set<String> ownersOf(MethodInsnNode call, Code code, Frame<SourceValue>[] frames, String receiver) {
        if (call.getOpcode() == Opcodes.INVOKESTATIC || call.getOpcode() == Opcodes.INVOKESPECIAL) {
            return Set.of(call.owner);
        }
        Frame<SourceValue> frame = frames[code.method().instructions.indexOf(call)];
        int arguments = org.objectweb.asm.Type.getArgumentTypes(call.desc).length;
        Set<String> owners = new TreeSet<>();
        boolean isStaticCode = (code.method().access & Opcodes.ACC_STATIC) != 0;
        for (AbstractInsnNode origin : frame.getStack(frame.getStackSize() - 1 - arguments).insns) {
            if (origin instanceof TypeInsnNode made && origin.getOpcode() == Opcodes.NEW) {
                owners.add(made.desc);
            } else if (origin instanceof VarInsnNode variable && variable.var == 0 && !isStaticCode) {
                owners.add(receiver);
            } else {
                jars.addBelow(call.owner, owners);
            }
        }
        if (owners.isEmpty()) {
            jars.addBelow(call.owner, owners);
        }
        return owners;
    }

    private void addObjectType(org.objectweb.asm.Type type, Set<String> targets) {
        if (type.getSort() == org.objectweb.asm.Type.OBJECT && jars.index.containsKey(type.getInternalName())) {
            targets.add(type.getInternalName());
        }
    }

    private static Frame<SourceValue>[] analyze(Code code) {
        try {
            return new Analyzer<>(new Origins()).analyze(code.owner().name, code.method());
        } catch (AnalyzerException error) {
            throw new IllegalStateException("cannot analyze " + code.key(), error);
        }
    }

    /** Keeps the instruction that made a value through loads, stores, casts; a parameter's origin is its first load. */
    private static class Origins extends SourceInterpreter {
        Origins() {
            super(Opcodes.ASM9);
        }

        @Override
        public SourceValue copyOperation(AbstractInsnNode instruction, SourceValue value) {
            return value.insns.isEmpty() ? new SourceValue(value.getSize(), instruction) : value;
        }

        @Override
        public SourceValue unaryOperation(AbstractInsnNode instruction, SourceValue value) {
            return instruction.getOpcode() == Opcodes.CHECKCAST ? value : super.unaryOperation(instruction, value);
        }
    }
}
