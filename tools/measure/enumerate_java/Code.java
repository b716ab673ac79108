import org.objectweb.asm.tree.ClassNode;
import org.objectweb.asm.tree.MethodNode;

/** A method's byte code, with the class that holds it. */
record Code(ClassNode owner, MethodNode method) {

    String key() {
        return owner.name + "#" + method.name + method.desc;
    }
}
